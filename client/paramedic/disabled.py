"""The run of a training that is not to be watched."""

from paramedic.run import Run
from paramedic.settings import Settings
from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.telemetry_pb2 import ReproductionEnded


class DisabledRun(Run):
    """A run that does nothing at all."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.recording = False
        self._inert = True
        self._before_end = []

    @property
    def dropped(self) -> dict[str, int]:
        """Nothing."""
        return {}

    @property
    def findings(self) -> list[Finding]:
        """Nothing."""
        return []

    @property
    def reproductions(self) -> list[ReproductionEnded]:
        """Nothing."""
        return []

    @property
    def should_stop(self) -> bool:
        """Never."""
        return False

    @property
    def last_step(self) -> int | None:
        """None was logged."""
        return None

    def start(self) -> None:
        """Does nothing."""

    def await_finish(self, timeout: float) -> None:
        """Does nothing."""
