"""Who is told of the end of a reproduction: the metrics, and the stream of the run that it is of."""

from paramedic.v1.reproduction_pb2 import Reproduction, ReproductionState
from paramedic.v1.verdict_pb2 import ReproductionLink, VerdictKind
from paramedic_service.ingest.service import IngestService
from paramedic_service.ingest.session import Reproduced
from paramedic_service.instruments import Instruments
from paramedic_service.reproduction.records import run_of


class Teller:
    """Tells of reproductions that ended; the incident itself is told it by the store, whenever somebody asks.

    Args:
        ingest: Knows the runs' streams.
        instruments: Where reproductions are counted.
    """

    def __init__(self, ingest: IngestService, instruments: Instruments) -> None:
        self._ingest = ingest
        self._instruments = instruments

    async def __call__(self, reproduction: Reproduction) -> None:
        """Tells of one, again if need be: whoever was told already knows it by its id."""
        judged = reproduction.HasField("verdict")
        state = _short(ReproductionState.Name(reproduction.state))
        verdict = _short(VerdictKind.Name(reproduction.verdict.kind)) if judged else ""
        self._instruments.reproductions.labels(state, verdict).inc()
        if reproduction.HasField("started_at"):
            took = reproduction.ended_at - reproduction.started_at
            self._instruments.reproduction_seconds.labels(state).observe(took)
        key = run_of(reproduction)
        if judged and key is not None:
            link = ReproductionLink(reproduction=reproduction.id, verdict=reproduction.verdict)
            self._ingest.tell(key, Reproduced(reproduction.incident, link))


def _short(name: str) -> str:
    """The name of an enum's value without the enum's: "remedy_found"."""
    for prefix in ("REPRODUCTION_STATE_", "VERDICT_KIND_"):
        name = name.removeprefix(prefix)
    return name.lower()
