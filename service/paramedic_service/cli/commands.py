"""Every command, registered with the root by being imported."""

from paramedic_service.cli.root import app as app
