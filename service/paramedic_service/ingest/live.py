"""One run in memory: the fold of its log."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.verdict_pb2 import ReproductionLink
from paramedic_service.incidents.incident import Incident
from paramedic_service.ingest.incident_view import IncidentView
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Finding
from paramedic_service.store.records import RunKey, RunState


@dataclass(slots=True)
class LiveRun:
    """What the service knows of one run.

    Only `fold` changes it, except for `ended_at`, which needs a clock, and for what reproductions said, which is no
    part of the log.

    Attributes:
        key: Which run.
        number: The store's number of the run.
        name: For people.
        created_at: When the service first heard of it, seconds since the Unix epoch.
        state: How it stands.
        diagnosis: What the rules remember.
        description: What the client told about the training, merged.
        tensor_names: Columns of per-tensor signals.
        version: Grows with every change, so that readers can keep what they made of the run.
        rows: Rows folded.
        last_sequence: Highest client sequence folded.
        position: The store's position of the last entry folded.
        last_step: Highest step folded; None before the first.
        last_report_at: Client clock of the last report, seconds since the Unix epoch; None before the first.
        latest_scalars: Last value of every scalar signal.
        latest_norms: Last row of every per-tensor signal, float32 [tensors].
        path_layers: Recurrent layers whose gradient's path through time was seen.
        silent: Whether its silence stands in the log and nothing was heard since.
        ended_at: Service clock when it ended, seconds since the Unix epoch; None while it runs.
        reproduced: What the newest reproduction of an incident said, by the incident's id.
    """

    key: RunKey
    number: int
    name: str
    created_at: float
    state: RunState = RunState.RUNNING
    diagnosis: Diagnosis = field(default_factory=Diagnosis)
    description: RunDescription = field(default_factory=RunDescription)
    tensor_names: tuple[str, ...] = ()
    version: int = 0
    rows: int = 0
    last_sequence: int = 0
    position: int = 0
    last_step: int | None = None
    last_report_at: float | None = None
    latest_scalars: dict[str, float] = field(default_factory=dict)
    latest_norms: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    path_layers: set[str] = field(default_factory=set)
    silent: bool = False
    ended_at: float | None = None
    reproduced: dict[str, ReproductionLink] = field(default_factory=dict)
    _incidents: IncidentView = field(default_factory=IncidentView, repr=False, compare=False)

    def learn(self, incident: str, said: ReproductionLink) -> None:
        """Takes in what a reproduction of an incident said."""
        self.reproduced[incident] = said
        self.version += 1

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """The findings joined into incidents, the worst first."""
        return self._incidents.of(self.diagnosis, self.version)

    @property
    def open_findings(self) -> list[Finding]:
        """Findings whose condition holds now."""
        return [finding for finding in self.diagnosis.findings.values() if finding.open]
