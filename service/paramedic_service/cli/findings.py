"""`paramedic findings`: what was found, or what is being found now."""

import contextlib
import sys
from enum import Enum
from typing import Annotated

import typer
from rich.text import Text

from paramedic.v1 import diagnosis_pb2, finding_pb2
from paramedic_service.cli import connection, output
from paramedic_service.cli.documents import document
from paramedic_service.cli.findings_table import print_findings, row
from paramedic_service.cli.root import app


class Severity(Enum):
    """How bad a finding is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@app.command()
def findings(
    *,
    project: Annotated[str | None, typer.Option(help="Only of this project.")] = None,
    run: Annotated[str | None, typer.Option(help="Only of runs with this id.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only of this rule.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only this severe or worse.")] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are open.")] = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Show changes as they happen; JSON is then one line each."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    url: connection.Url = None,
    token: connection.Token = None,
    tls: connection.Tls = False,
    tls_ca: connection.TlsCa = None,
) -> None:
    """Lists findings, the latest change first."""
    least = finding_pb2.SEVERITY_UNSPECIFIED
    if severity is not None:
        least = finding_pb2.Severity.Value(f"SEVERITY_{severity.name}")
    with connection.connect(url, token, tls, tls_ca) as service:
        if watch:
            request = diagnosis_pb2.WatchFindingsRequest(project=project, run_id=run, min_severity=least)
            _watch(service, request, rule, open_only, as_json)
            return
        found = list(
            service.findings(
                diagnosis_pb2.ListFindingsRequest(
                    project=project, run_id=run, rule=rule, min_severity=least, open_only=open_only
                )
            )
        )
    if as_json:
        output.print_json({"findings": [document(finding) for finding in found]})
    else:
        print_findings(found)


def _watch(
    service: connection.Service,
    request: diagnosis_pb2.WatchFindingsRequest,
    rule: str | None,
    open_only: bool,
    as_json: bool,
) -> None:
    # Interrupting is how a watch ends.
    with contextlib.suppress(KeyboardInterrupt), service.watch(request) as changes:
        sys.stderr.write("watching for changes; Ctrl-C ends it\n")
        for finding in changes:
            resolved = finding.change == finding_pb2.FINDING_CHANGE_RESOLVED
            if rule in (None, finding.rule) and not (open_only and resolved):
                _print_change(finding, as_json)
        output.fail("the service ended the watch; watch again to go on", 2)


def _print_change(finding: finding_pb2.Finding, as_json: bool) -> None:
    if as_json:
        output.print_json(document(finding), indent=None)
        return
    cells = (cell if isinstance(cell, Text) else Text(output.printable(cell)) for cell in row(finding))
    output.console().print(*cells, sep="  ")
