"""Incidents as people read them."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from paramedic.v1.finding_pb2 import Cause, Incident, Severity
from paramedic_service.cli import identity, output
from paramedic_service.cli.documents import short_name
from paramedic_service.rules.ranks import RANK_WISE


def print_incidents(incidents: Sequence[Incident]) -> None:
    """Writes a table of incidents; what several ranks have in common is one line."""
    output.print_table(
        ("run", "severity", "standing", "step", "most likely cause", "score", "rules", "summary"),
        (
            (
                identity.label_of_ranks(incident.run, ranks),
                _severity(incident),
                _standing(incident),
                str(incident.opened_step),
                incident.causes[0].id if incident.causes else "unknown",
                f"{incident.causes[0].score:.2f}" if incident.causes else "-",
                ", ".join(incident.rules),
                incident.summary,
            )
            for incident, ranks in together(incidents)
        ),
        empty="No incidents.",
    )


def together(incidents: Sequence[Incident]) -> list[tuple[Incident, list[int]]]:
    """Joins what several ranks of a training have in common: the incident as the first of them has it, and the ranks.

    A fault in the training is a fault in every rank.
    """
    alike: dict[tuple[object, ...], list[Incident]] = {}
    for incident in incidents:
        run, cause = incident.run, incident.causes[0].id if incident.causes else ""
        alone = None if RANK_WISE.isdisjoint(incident.rules) else run.rank
        key = (run.project, run.id, run.attempt, alone, incident.id, incident.open, cause)
        alike.setdefault(key, []).append(incident)
    return [(each[0], [incident.run.rank for incident in each]) for each in alike.values()]


def print_incident(incident: Incident, ranks: Sequence[int] = ()) -> None:
    """Writes all that is known of one incident.

    Args:
        incident: Of a run.
        ranks: That have it in common; none: that of the run alone.
    """
    console = output.console()
    where = ""
    if len(ranks) > 1:
        where = f" on ranks {identity.listed(ranks)}"
    elif incident.run.rank:
        where = f" on rank {incident.run.rank}"
    heading = f"incident{where} since step {incident.opened_step}, {_standing(incident)}: {incident.summary}"
    console.print(_severity(incident), Text(output.printable(heading), style="bold"))
    output.print_table(("", "", ""), (row for cause in incident.causes for row in _cause(cause)), empty="")
    for link in incident.reproductions:
        told = f"reproduction {link.reproduction}: {link.verdict.summary}"
        console.print(output.printable(told), markup=False, soft_wrap=True)
    if incident.unknown:
        unknown = ", ".join(f"{status.rule} ({status.reason})" for status in incident.unknown)
        console.print(f"could not be judged: {output.printable(unknown)}", markup=False)


def _cause(cause: Cause) -> Iterator[tuple[str | Text, str, str]]:
    yield Text(f"{cause.score:.2f}", style="bold"), cause.id, cause.title
    for sentence in cause.supporting:
        yield "", "for", sentence
    for sentence in cause.opposing:
        yield "", "against", sentence
    for remedy in cause.remedies:
        yield "", "remedy", remedy.text


def _severity(incident: Incident) -> Text:
    return output.styled(short_name(Severity.DESCRIPTOR, incident.severity), output.SEVERITY_STYLES)


def _standing(incident: Incident) -> str:
    return "open" if incident.open else "over"
