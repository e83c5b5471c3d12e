"""Findings as people read them."""

from collections.abc import Sequence

from rich.text import Text

from paramedic.v1.finding_pb2 import Finding, FindingChange, Severity
from paramedic_service.cli import identity, output
from paramedic_service.cli.documents import short_name
from paramedic_service.rules.ranks import RANK_WISE

COLUMNS = ("run", "severity", "rule", "change", "step", "summary")


def print_findings(findings: Sequence[Finding]) -> None:
    """Writes a table of findings; what several ranks have in common is one line, told as the first of them has it."""
    alike: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        run, alone = finding.run, finding.run.rank if finding.rule in RANK_WISE else None
        alike.setdefault((run.project, run.id, run.attempt, alone, finding.rule, finding.change), []).append(finding)
    rows = (row(each[0], [finding.run.rank for finding in each]) for each in alike.values())
    output.print_table(COLUMNS, rows, empty="No findings.")


def row(finding: Finding, ranks: Sequence[int] = ()) -> tuple[str | Text, ...]:
    """Returns one finding's cells, in the order of COLUMNS.

    Args:
        finding: Of a run.
        ranks: That have it in common; none: that of the run alone.
    """
    step = str(finding.opened_step)
    if finding.HasField("resolved_step"):
        step += f" to {finding.resolved_step}"
    return (
        identity.label_of_ranks(finding.run, ranks or [finding.run.rank]),
        output.styled(short_name(Severity.DESCRIPTOR, finding.severity), output.SEVERITY_STYLES),
        finding.rule,
        short_name(FindingChange.DESCRIPTOR, finding.change),
        step,
        finding.summary,
    )
