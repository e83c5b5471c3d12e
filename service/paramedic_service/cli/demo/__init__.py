"""`paramedic demo`: three trainings, one of them healthy, and what the service makes of them."""

from paramedic_service.cli.demo import command as command
