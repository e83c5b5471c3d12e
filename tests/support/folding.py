"""Recordings of real trainings, folded by the service's own rules."""

from pathlib import Path

from paramedic.segment import read_segment
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from paramedic_service.incidents.incident import Incident
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.restore import Replayer
from paramedic_service.rules.finding import Severity
from paramedic_service.store.records import RunKey


def folded(directory: Path) -> LiveRun:
    """Folds the one recording below a directory."""
    live = LiveRun(RunKey("sources", "run", 0, 0), 0, "run", created_at=0.0)
    replayer = Replayer(live)
    for path in sorted(directory.glob("*/*/*.spool")):
        for _, payload in read_segment(path):
            assert isinstance(payload, bytes), "a damaged recording"
            if StreamTelemetryRequest.FromString(payload).WhichOneof("body") != "register":
                replayer.feed(payload)
    return live


def alarms(live: LiveRun) -> list[Incident]:
    """Incidents of severity warning or worse, the worst first."""
    return [incident for incident in live.incidents if incident.severity >= Severity.WARNING]


def told(live: LiveRun) -> str:
    """What was found, for the message of an assertion."""
    incidents = "\n".join(
        f"{each.severity.name} {[f'{cause.id} {cause.score:.2f}' for cause in each.causes]}" for each in live.incidents
    )
    findings = "\n".join(
        f"{each.opened_step} {each.severity.name} {each.rule}: {each.summary}"
        for each in live.diagnosis.findings.values()
    )
    return f"{incidents or 'no incident'}\n{findings}"
