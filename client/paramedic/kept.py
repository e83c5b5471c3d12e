"""What the user is told when a run leaves telemetry on disk."""

import logging
import shlex

from paramedic.settings import Mode, Settings
from paramedic.speech import say


def warn_of_kept(settings: Settings) -> None:
    """Says where the telemetry is and how to deliver it."""
    level = logging.INFO if settings.mode is Mode.OFFLINE else logging.WARNING
    directory = settings.spool_directory
    say(
        level,
        "run %s: telemetry waits in %s; deliver it with: paramedic sync %s",
        settings.label,
        directory,
        shlex.quote(str(directory)),
    )
