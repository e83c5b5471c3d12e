"""What the service writes into its log."""

import json
import subprocess
import sys

PROGRAM = """
import logging
import structlog
from paramedic_service.logging import configure_logging

configure_logging(logging.INFO)
log = structlog.get_logger("service")
log.debug("too fine")
log.info("serving", port=1)
logging.getLogger("library").warning("told %s", "by a library")
secret = "telemetry" * 1000
try:
    secret / 2
except TypeError:
    log.exception("failed")
"""


def test_every_line_is_one_event_without_what_runs_are_made_of():
    process = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert process.stdout == ""
    serving, library, failed = map(json.loads, process.stderr.splitlines())
    assert (serving["event"], serving["port"], serving["level"], serving["logger"]) == ("serving", 1, "info", "service")
    assert (library["event"], library["logger"]) == ("told by a library", "library")
    assert failed["exception"][0]["exc_type"] == "TypeError"
    assert "telemetrytelemetry" not in process.stderr
