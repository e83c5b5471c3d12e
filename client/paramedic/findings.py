"""What the service found in this run."""

import logging
import threading

from paramedic.speech import say
from paramedic.v1.finding_pb2 import (
    FINDING_CHANGE_OPENED,
    FINDING_CHANGE_RESOLVED,
    SEVERITY_CRITICAL,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    Finding,
)

SEVERITIES: dict[str, int] = {
    "info": SEVERITY_INFO,
    "warning": SEVERITY_WARNING,
    "critical": SEVERITY_CRITICAL,
}
_NAMES = {number: name for name, number in SEVERITIES.items()}
_LEVELS = {SEVERITY_WARNING: logging.WARNING, SEVERITY_CRITICAL: logging.CRITICAL}

# More rules than any service has; one that invents them must not fill our memory.
_MAX_RULES = 1000
_MAX_TEXT = 2000


class Findings:
    """The latest version of every finding.

    Attributes:
        lock: Guards them; held across a fork.
    """

    def __init__(self, run: str, stop_on: int | None) -> None:
        """Begins without findings.

        Args:
            run: Names the run in log lines.
            stop_on: An open finding at least this severe asks the training to stop; None: none does.
        """
        self.lock = threading.RLock()
        self._run = run
        self._stop_on = stop_on
        self._latest: dict[str, Finding] = {}
        self._stop = False

    @property
    def should_stop(self) -> bool:
        """Whether a finding that opened was severe enough."""
        return self._stop

    def latest(self) -> list[Finding]:
        """Returns the latest version of every finding, in the order of their first opening."""
        with self.lock:
            return list(self._latest.values())

    def add(self, finding: Finding) -> None:
        """Takes a version of a finding, and tells the user of what is new."""
        with self.lock:
            if finding.rule not in self._latest and len(self._latest) >= _MAX_RULES:
                return
            self._latest[finding.rule] = finding
            resolved = finding.change == FINDING_CHANGE_RESOLVED
            if self._stop_on is not None and finding.severity >= self._stop_on and not resolved:
                self._stop = True
        self._log(finding)

    def _log(self, finding: Finding) -> None:
        severity = _NAMES.get(finding.severity, "unknown severity")
        summary = _line(finding.summary)
        if finding.change == FINDING_CHANGE_RESOLVED:
            say(
                logging.INFO,
                "run %s: %s resolved at step %d: %s",
                self._run,
                finding.rule,
                finding.resolved_step,
                summary,
            )
        elif finding.change == FINDING_CHANGE_OPENED:
            remedy = f" Try: {_line(finding.remedies[0].text)}" if finding.remedies else ""
            level = _LEVELS.get(finding.severity, logging.INFO)
            say(level, "run %s: %s (%s): %s%s", self._run, finding.rule, severity, summary, remedy)
        else:
            say(logging.DEBUG, "run %s: %s (%s): %s", self._run, finding.rule, severity, summary)


def _line(text: str) -> str:
    return " ".join(text.split())[:_MAX_TEXT]
