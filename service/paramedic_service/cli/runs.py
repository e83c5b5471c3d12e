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
from paramedic_service.cli.incidents_table import together as incidents_together
from paramedic_service.cli.root import app
from paramedic_service.cli.trainings import Training, of_attempt, together


class State(Enum):
    """How a run stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


@app.command()
def runs(
    run: Annotated[str | None, typer.Argument(metavar="[PROJECT/ID]", help="Show this run.")] = None,
    *,
    attempt: Annotated[
        int | None, typer.Option(min=0, help="Attempt of the run that is shown.", show_default="the latest")
    ] = None,
    rank: Annotated[
        int | None, typer.Option(min=0, help="Rank of the run that is shown.", show_default="all of them")
    ] = None,
    processes: Annotated[bool, typer.Option("--processes", help="List every attempt and rank in a line.")] = False,
    project: Annotated[str | None, typer.Option(help="List only this project.")] = None,
    state: Annotated[State | None, typer.Option(help="List only runs in this state.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    url: connection.Url = None,
    token: connection.Token = None,
    tls: connection.Tls = False,
    tls_ca: connection.TlsCa = None,
) -> None:
    """Lists runs, newest first; or shows one, with its incidents, findings and the rules that cannot judge it.

    A run is one line: how the ranks of its latest attempt stand.
    """
    with connection.connect(url, token, tls, tls_ca) as service:
        if run is not None:
            _show(service, run, attempt, rank, as_json)
        else:
            _list(service, project, state, processes, as_json)


def _list(
    service: connection.Service, project: str | None, state: State | None, processes: bool, as_json: bool
) -> None:
    wanted = None if state is None else run_pb2.RunState.Value(f"RUN_STATE_{state.name}")
    if as_json:
        output.print_json({"runs": [document(run) for run in service.runs(project, wanted)]})
        return
    if processes:
        found = [Training((run,)) for run in service.runs(project, wanted)]
    else:
        # Of a run, ranks in other states count as well.
        found = [
            each
            for each in together(service.runs(project, None))
            if wanted is None or any(run.state == wanted for run in each.ranks)
        ]
    now = time.time()
    output.print_table(
        ("run", "name", "state", "step", "last report", "open findings"),
        (
            (
                each.label,
                each.first.name,
                each.state,
                each.step,
                _age(each.last_report_at, now),
                Text(str(each.open_findings), style="bold" if each.open_findings else ""),
            )
            for each in found
        ),
        empty="No runs.",
    )


def _show(service: connection.Service, named: str, attempt: int | None, rank: int | None, as_json: bool) -> None:
    wanted = identity.parse(named, attempt or 0, rank or 0)
    processes = list(service.runs(wanted.project, None, wanted.id))
    if processes and attempt is None:
        wanted.attempt = together(processes)[0].first.identity.attempt
    ranks = of_attempt(processes, wanted.attempt)
    if ranks and rank is None:
        wanted.rank = ranks[0].identity.rank
    answer = service.run(wanted)

    def shown(run: run_pb2.RunIdentity) -> bool:
        return run.attempt == wanted.attempt and (rank is None or run.rank == rank)

    request = diagnosis_pb2.ListFindingsRequest(project=wanted.project, run_id=wanted.id)
    found = [finding for finding in service.findings(request) if shown(finding.run)]
    asked = diagnosis_pb2.ListIncidentsRequest(project=wanted.project, run_id=wanted.id)
    incidents = [incident for incident in service.incidents(asked) if shown(incident.run)]
    if as_json:
        told = document(answer) | {"processes": [document(run) for run in processes]}
        findings = {"findings": [document(finding) for finding in found]}
        output.print_json(told | findings | {"incidents": [document(incident) for incident in incidents]})
        return
    _print_run(answer)
    if len(processes) > 1:
        output.console().print()
        _print_processes(processes)
    for incident, concerned in incidents_together(incidents):
        output.console().print()
        print_incident(incident, concerned)
    output.console().print()
    print_findings(found)
    abstaining = [status for status in answer.rules if status.abstains]
    if abstaining:
        output.console().print()
        output.print_table(
            ("rule that cannot judge", "why"), ((status.rule, status.reason) for status in abstaining), empty=""
        )


def _print_run(answer: diagnosis_pb2.GetRunResponse) -> None:
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
            ("last report", _age(_last_report(run), time.time())),
            ("framework", f"{environment.framework} {environment.framework_version}".strip() or "-"),
            ("model", answer.description.model.name or "-"),
            ("optimizer", answer.description.optimizer.name or "-"),
            ("tensors", str(len(answer.description.tensors))),
        ),
        empty="",
    )


def _print_processes(processes: list[run_pb2.Run]) -> None:
    """Writes a line an attempt and rank, the latest attempt first."""
    now = time.time()
    ordered = sorted(processes, key=lambda run: (-run.identity.attempt, run.identity.rank))
    output.print_table(
        ("attempt", "rank", "state", "step", "last report", "open findings"),
        (
            (
                str(run.identity.attempt),
                str(run.identity.rank),
                _state(run),
                str(run.last_step) if run.HasField("last_step") else "-",
                _age(_last_report(run), now),
                Text(str(run.open_findings), style="bold" if run.open_findings else ""),
            )
            for run in ordered
        ),
        empty="",
    )


def _state(run: run_pb2.Run) -> Text:
    return output.styled(short_name(run_pb2.RunState.DESCRIPTOR, run.state), output.STATE_STYLES)


def _last_report(run: run_pb2.Run) -> float | None:
    return run.last_report_at if run.HasField("last_report_at") else None


def _age(last_report_at: float | None, now: float) -> str:
    """Returns how long ago a run reported, by two clocks that may differ."""
    if last_report_at is None:
        return "-"
    seconds = max(0, round(now - last_report_at))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
