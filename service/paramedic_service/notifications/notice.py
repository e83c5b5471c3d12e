"""What there is to tell of an incident, and what was told."""

from dataclasses import dataclass
from enum import StrEnum

from paramedic_service.incidents.incident import Incident
from paramedic_service.ingest.live import LiveRun
from paramedic_service.store.records import NoticeRecord, RunState


class News(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    WORSENED = "worsened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell.

    Attributes:
        news: What happened.
        run: The run.
        incident_id: The incident's id within the run.
        incident: The incident; None when it was taken back, because the rest of the evidence spoke for another.
    """

    news: News
    run: LiveRun
    incident_id: str
    incident: Incident | None


def due(run: LiveRun, told: dict[str, NoticeRecord], least_severity: int) -> list[Notice]:
    """What people should be told of a run now.

    Args:
        run: As it stands.
        told: What they were told and not told the end of, by incident.
        least_severity: Below which nobody is told.

    Returns:
        Ends first: what is over must not hide behind what is new. An incident of a run that ended is over; nobody is
        told of one that they had not heard of by then.
    """
    incidents = {incident.id: incident for incident in run.incidents}
    ended = run.state is not RunState.RUNNING
    standing = {} if ended else {id_: incident for id_, incident in incidents.items() if incident.open}
    over = [Notice(News.RESOLVED, run, id_, incidents.get(id_)) for id_ in told if id_ not in standing]
    new = [
        Notice(News.WORSENED if id_ in told else News.OPENED, run, id_, incident)
        for id_, incident in standing.items()
        if incident.severity >= least_severity and (id_ not in told or incident.severity > told[id_].severity)
    ]
    return over + new
