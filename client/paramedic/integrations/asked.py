"""What the author of a training asks of a monitor, checked once."""

from paramedic.findings import SEVERITIES
from paramedic.run import Run
from paramedic.v1.finding_pb2 import FINDING_CHANGE_RESOLVED


def check_arguments(run: Run | None, project: str | None, every: int) -> None:
    """Checks where a monitor is to report, and how often.

    Raises:
        ValueError: An argument makes no sense, or there is neither a run nor a project.
    """
    if (run is None) == (project is None):
        raise ValueError("give the Monitor either a run to report to, or the project of the runs it is to open")
    if every < 1:
        raise ValueError(f"every: expected a number of steps, at least 1, got {every}")


class StopOn:
    """Which findings are to end a training.

    Attributes:
        asked: Whether the monitor was asked for any; a run can ask by itself.
    """

    def __init__(self, severity: str | None) -> None:
        """Takes in the least severity.

        Args:
            severity: "critical", "warning" or "info"; None: whatever the run was opened with.

        Raises:
            ValueError: It is none of these.
        """
        if severity is not None and severity not in SEVERITIES:
            raise ValueError(f"stop_on: expected one of {', '.join(map(repr, SEVERITIES))} or None, got {severity!r}")
        self.asked = severity is not None
        self._threshold = None if severity is None else SEVERITIES[severity]

    def calls(self, run: Run) -> bool:
        """Whether a run has an open finding that is at least so severe."""
        if run.should_stop:
            return True
        threshold = self._threshold
        if threshold is None:
            return False
        return any(each.severity >= threshold and each.change != FINDING_CHANGE_RESOLVED for each in run.findings)
