"""`paramedic runs`: which runs there are, and how one stands."""

import time
from enum import Enum
from typing import Annotated

import typer
from rich.text import Text

from paramedic.v1 import diagnosis_pb2, run_pb2
from paramedic_service.cli import connection, identity, output
from paramedic_service.cli.documents import document, short_name
from paramedic_service.cli.findings_table import print_findings
from paramedic_service.cli.incidents_table import print_incident
from paramedic_service.cli.root import app


class State(Enum):
    """How a run stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@app.command()
def runs(
    run: Annotated[str | None, typer.Argument(metavar="[PROJECT/ID]", help="Show this run.")] = None,
    *,
    attempt: Annotated[int, typer.Option(min=0, help="Attempt of the run that is shown.")] = 0,
    rank: Annotated[int, typer.Option(min=0, help="Rank of the run that is shown.")] = 0,
    project: Annotated[str | None, typer.Option(help="List only this project.")] = None,
    state: Annotated[State | None, typer.Option(help="List only runs in this state.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    url: connection.Url = None,
    token: connection.Token = None,
    tls: connection.Tls = False,
    tls_ca: connection.TlsCa = None,
) -> None:
    """Lists runs, newest first; or shows one, with its incidents, findings and the rules that cannot judge it."""
    with connection.connect(url, token, tls, tls_ca) as service:
        if run is not None:
            _show(service, identity.parse(run, attempt, rank), as_json)
        else:
            _list(service, project, state, as_json)


def _list(service: connection.Service, project: str | None, state: State | None, as_json: bool) -> None:
    wanted = None if state is None else run_pb2.RunState.Value(f"RUN_STATE_{state.name}")
    found = list(service.runs(project, wanted))
    if as_json:
        output.print_json({"runs": [document(run) for run in found]})
        return
    now = time.time()
    output.print_table(
        ("run", "name", "state", "step", "last report", "open findings"),
        (
            (
                identity.label(run.identity),
                run.name,
                _state(run),
                str(run.last_step) if run.HasField("last_step") else "-",
                _age(run, now),
                Text(str(run.open_findings), style="bold" if run.open_findings else ""),
            )
            for run in found
        ),
        empty="No runs.",
    )


def _show(service: connection.Service, wanted: run_pb2.RunIdentity, as_json: bool) -> None:
    answer = service.run(wanted)
    request = diagnosis_pb2.ListFindingsRequest(project=wanted.project, run_id=wanted.id)
    found = [finding for finding in service.findings(request) if finding.run == wanted]
    asked = diagnosis_pb2.ListIncidentsRequest(project=wanted.project, run_id=wanted.id)
    incidents = [incident for incident in service.incidents(asked) if incident.run == wanted]
    if as_json:
        findings = {"findings": [document(finding) for finding in found]}
        output.print_json(document(answer) | findings | {"incidents": [document(incident) for incident in incidents]})
        return
    run = answer.run
    environment = answer.description.environment
    output.print_table(
        ("", ""),
        (
            ("run", identity.label(run.identity)),
            ("name", run.name),
            ("state", _state(run)),
            ("step", str(run.last_step) if run.HasField("last_step") else "-"),
            ("rows", str(run.rows)),
            ("last report", _age(run, time.time())),
            ("framework", f"{environment.framework} {environment.framework_version}".strip() or "-"),
            ("model", answer.description.model.name or "-"),
            ("optimizer", answer.description.optimizer.name or "-"),
            ("tensors", str(len(answer.description.tensors))),
        ),
        empty="",
    )
    for incident in incidents:
        output.console().print()
        print_incident(incident)
    output.console().print()
    print_findings(found)
    abstaining = [status for status in answer.rules if status.abstains]
    if abstaining:
        output.console().print()
        output.print_table(
            ("rule that cannot judge", "why"), ((status.rule, status.reason) for status in abstaining), empty=""
        )


def _state(run: run_pb2.Run) -> Text:
    return output.styled(short_name(run_pb2.RunState.DESCRIPTOR, run.state), output.STATE_STYLES)


def _age(run: run_pb2.Run, now: float) -> str:
    """Returns how long ago the run reported, by two clocks that may differ."""
    if not run.HasField("last_report_at"):
        return "-"
    seconds = max(0, round(now - run.last_report_at))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
