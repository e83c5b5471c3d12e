"""Findings as people read them."""

from collections.abc import Sequence

from rich.text import Text

from paramedic.v1.finding_pb2 import Finding, FindingChange, Severity
from paramedic_service.cli import identity, output
from paramedic_service.cli.documents import short_name

COLUMNS = ("run", "severity", "rule", "change", "step", "summary")


def print_findings(findings: Sequence[Finding]) -> None:
    """Writes a table of findings."""
    output.print_table(COLUMNS, (row(finding) for finding in findings), empty="No findings.")


def row(finding: Finding) -> tuple[str | Text, ...]:
    """Returns one finding's cells, in the order of COLUMNS."""
    step = str(finding.opened_step)
    if finding.HasField("resolved_step"):
        step += f" to {finding.resolved_step}"
    return (
        identity.label(finding.run),
        output.styled(short_name(Severity.DESCRIPTOR, finding.severity), output.SEVERITY_STYLES),
        finding.rule,
        short_name(FindingChange.DESCRIPTOR, finding.change),
        step,
        finding.summary,
    )
