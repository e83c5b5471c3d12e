"""Incidents, in the words of the wire contract and of the store."""

from collections.abc import Iterable, Mapping
from typing import Any

from paramedic.v1.diagnosis_pb2 import ListIncidentsResponse
from paramedic.v1.finding_pb2 import Cause as CauseMessage
from paramedic.v1.finding_pb2 import Incident as IncidentMessage
from paramedic.v1.finding_pb2 import Remedy as RemedyMessage
from paramedic.v1.finding_pb2 import RuleStatus
from paramedic_service.incidents.incident import Cause, Incident, Remedy
from paramedic_service.ingest.translation import identity_to_message, severity_to_message
from paramedic_service.store.records import IncidentsRecord, RunKey


def incidents_to_messages(key: RunKey, incidents: Iterable[Incident]) -> list[IncidentMessage]:
    """The incidents of a run, on the wire."""
    return [
        IncidentMessage(
            run=identity_to_message(key),
            id=incident.id,
            severity=severity_to_message(incident.severity),
            open=incident.open,
            opened_step=incident.opened_step,
            rules=incident.rules,
            causes=[_cause_to_message(cause) for cause in incident.causes],
            unknown=[RuleStatus(rule=rule, abstains=True, reason=why) for rule, why in incident.unknown.items()],
            summary=incident.summary,
        )
        for incident in incidents
    ]


def incidents_to_record(key: RunKey, incidents: Iterable[Incident], now: float) -> IncidentsRecord:
    """The incidents of a run, for the store.

    Args:
        key: Which run.
        incidents: All of them.
        now: Service clock of the latest change, seconds since the Unix epoch.
    """
    messages = incidents_to_messages(key, incidents)
    return IncidentsRecord(
        run=key,
        open=any(message.open for message in messages),
        changed_at=now,
        body=ListIncidentsResponse(incidents=messages).SerializeToString(),
    )


def incidents_from_record(record: IncidentsRecord) -> list[IncidentMessage]:
    """Reads what the store kept."""
    return list(ListIncidentsResponse.FromString(record.body).incidents)


def _cause_to_message(cause: Cause) -> CauseMessage:
    return CauseMessage(
        id=cause.id,
        title=cause.title,
        score=cause.score,
        supporting=cause.supporting,
        opposing=cause.opposing,
        remedies=[_remedy_to_message(remedy) for remedy in cause.remedies],
    )


def _remedy_to_message(remedy: Remedy) -> RemedyMessage:
    message = RemedyMessage(text=remedy.text)
    if remedy.patch:
        message.patch.update(_plain(remedy.patch))
    return message


def _plain(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree in dictionaries, which is what protobuf takes."""
    return {key: _plain(value) if isinstance(value, Mapping) else value for key, value in tree.items()}
