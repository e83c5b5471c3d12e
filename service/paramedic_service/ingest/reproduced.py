"""What reproductions said of runs, as the store keeps it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from paramedic.v1.finding_pb2 import Incident
from paramedic.v1.verdict_pb2 import ReproductionLink, ReproductionVerdict
from paramedic_service.ingest.session import Reproduced
from paramedic_service.store.interface import Store
from paramedic_service.store.records import RunKey


def reproduced(store: Store, runs: Sequence[RunKey]) -> Mapping[RunKey, list[Reproduced]]:
    """Everything that reproductions said of runs, newest first; empty for those that nobody reproduced.

    Args:
        store: Where reproductions are kept.
        runs: At most 1,000.

    Raises:
        StoreError: The store failed.
    """
    said: dict[RunKey, list[Reproduced]] = defaultdict(list)
    for record in store.verdicts(runs):
        link = ReproductionLink(reproduction=record.reproduction, verdict=ReproductionVerdict.FromString(record.body))
        said[record.run].append(Reproduced(record.incident, link))
    return said


def link(incident: Incident, said: Iterable[Reproduced]) -> None:
    """Adds to an incident what reproductions said of it.

    An incident may have been joined with another since, or found by an earlier rule: the rule that named it then is
    among its rules now.

    Args:
        incident: Changed in place.
        said: Of its run, newest first.
    """
    known = {incident.id, *incident.rules}
    incident.reproductions.extend(each.link for each in said if each.incident in known)
