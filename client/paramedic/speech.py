"""The only way the client speaks: log lines that cannot fail."""

import logging
from contextlib import suppress

_LOGGER = logging.getLogger("paramedic")


def say(level: int, message: str, *values: object, traceback: bool = False) -> None:
    """Logs a line.

    Somebody's log handler may raise, and must then not end the thread that delivers telemetry.

    Args:
        level: Of the logging module.
        message: With placeholders for the values.
        *values: What fills them.
        traceback: Whether to add that of the exception being handled.
    """
    with suppress(Exception):
        _LOGGER.log(level, message, *values, exc_info=traceback, stacklevel=2)
