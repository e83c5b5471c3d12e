"""`paramedic reproduce`: trains a run again, as it was and with each remedy alone, and shows what that proves."""

from paramedic_service.cli.reproduce import command as command
