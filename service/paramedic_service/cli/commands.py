"""Every command, registered with the root by being imported."""

from paramedic_service.cli import backtest as backtest
from paramedic_service.cli import check as check
from paramedic_service.cli import demo as demo
from paramedic_service.cli import findings as findings
from paramedic_service.cli import importing as importing
from paramedic_service.cli import incidents as incidents
from paramedic_service.cli import replay as replay
from paramedic_service.cli import reproduce as reproduce
from paramedic_service.cli import rules as rules
from paramedic_service.cli import runs as runs
from paramedic_service.cli import serve as serve
from paramedic_service.cli import sync as sync
from paramedic_service.cli.root import app as app
