"""What Paramedic says of a recorded run: its incidents of severity warning or worse, as a replay gives them."""

from collections.abc import Iterable

from corpus.alarm import Alarm
from paramedic_service.incidents.diagnose import diagnose
from paramedic_service.ingest.description import read
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.restore import Replayer
from paramedic_service.rules.finding import Severity
from paramedic_service.store.records import RunKey


def alarms(entries: Iterable[bytes]) -> tuple[Alarm, ...]:
    """Folds a recording and returns its incidents, the worst first, those that resolved included.

    Args:
        entries: Of the run's log, serialised requests without the registration.
    """
    live = LiveRun(RunKey("corpus", "run", 0, 0), 0, "run", created_at=0.0)
    replayer = Replayer(live)
    for entry in entries:
        replayer.feed(entry)
    diagnosis = live.diagnosis
    incidents = diagnose(diagnosis.findings, diagnosis.abstentions, read(live.description))
    return tuple(
        Alarm(incident.id, incident.opened_step, tuple(cause.id for cause in incident.causes), incident.rules)
        for incident in incidents
        if incident.severity >= Severity.WARNING
    )
