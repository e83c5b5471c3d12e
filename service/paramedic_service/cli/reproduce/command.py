"""The command: what to reproduce, how, and what else there is to ask."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from paramedic.v1.reproduction_pb2 import CreateReproductionRequest, ReproductionSpec
from paramedic_service.cli import connection, identity, output
from paramedic_service.cli.documents import document
from paramedic_service.cli.reproduce import arguments, status, tables
from paramedic_service.cli.reproduce.following import follow
from paramedic_service.cli.reproductions_client import Reproductions
from paramedic_service.cli.root import app

_HELP = f"""Trains a run again, as it was and with each remedy alone, and says which remedy removed its fault.

{status.MEANING}"""


@app.command(help=_HELP)
def reproduce(
    run: Annotated[str | None, typer.Argument(metavar="[PROJECT/ID]", help="Reproduce this run.")] = None,
    *,
    scenario: Annotated[str | None, typer.Option(help="Reproduce this scenario.")] = None,
    spec: Annotated[Path | None, typer.Option(help="Reproduce what this JSON or TOML file says.")] = None,
    all_scenarios: Annotated[
        bool, typer.Option("--all-scenarios", help="Reproduce every scenario, and compare with what is claimed.")
    ] = False,
    incident: Annotated[
        str | None, typer.Option(help="Incident of the run, by id.", show_default="the worst that is open")
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATCH",
            help="Try this instead of the remedies: PATH=VALUE, PATH*FACTOR, or JSON. May be repeated.",
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Trainings an arm.", show_default="3")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps a training.", show_default="by the run")] = None,
    attempt: Annotated[int, typer.Option(min=0, help="Attempt of the run.")] = 0,
    rank: Annotated[int, typer.Option(min=0, help="Rank of the run.")] = 0,
    report: Annotated[Path | None, typer.Option(help="Write the report to this HTML file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    list_scenarios: Annotated[bool, typer.Option("--list-scenarios", help="List what --scenario takes.")] = False,
    list_past: Annotated[bool, typer.Option("--list", help="List reproductions, newest first.")] = False,
    cancel: Annotated[str | None, typer.Option(metavar="ID", help="Cancel a reproduction.")] = None,
    url: connection.Url = None,
    token: connection.Token = None,
    tls: connection.Tls = False,
    tls_ca: connection.TlsCa = None,
) -> None:
    """Asks for one thing of many; the parser has their words."""
    chosen = [bool(each) for each in (run, scenario, spec, all_scenarios, list_scenarios, list_past, cancel)]
    if sum(chosen) != 1:
        output.fail(
            "name one thing: PROJECT/ID, --scenario NAME, --spec FILE, --all-scenarios, --list-scenarios, --list or"
            " --cancel ID",
            2,
        )
    request = _request(run, scenario, spec, incident, arm or [], seeds, steps, attempt, rank)
    # What people read goes to standard error when standard output is for a program.
    console = Console(stderr=True, highlight=False) if as_json else output.console()
    with connection.connect(url, token, tls, tls_ca) as service:
        reproductions = service.reproductions
        if list_scenarios:
            _list_scenarios(reproductions, as_json)
        elif list_past:
            _list(reproductions, as_json)
        elif cancel is not None:
            _cancel(reproductions, cancel, as_json)
        elif all_scenarios:
            _reproduce_all(reproductions, request.spec, console, as_json)
        else:
            _reproduce(reproductions, request, console, run or scenario or str(spec), report, as_json)


def _request(
    run: str | None,
    scenario: str | None,
    file: Path | None,
    incident: str | None,
    patches: list[str],
    seeds: int | None,
    steps: int | None,
    attempt: int,
    rank: int,
) -> CreateReproductionRequest:
    """What is asked of the service; ends the command when it makes no sense."""
    try:
        spec = ReproductionSpec() if file is None else arguments.read_file(file)
        arms = arguments.read_arms(patches)
    except ValueError as error:
        output.fail(str(error), 2)
    if arms:
        del spec.arms[:]
        spec.arms.extend(arms)
    if seeds is not None:
        spec.seeds = seeds
    if steps is not None:
        spec.steps = steps
    request = CreateReproductionRequest(spec=spec, incident=incident or "")
    if scenario is not None:
        request.scenario = scenario
    if run is not None:
        request.run.CopyFrom(identity.parse(run, attempt, rank))
    return request


def _reproduce(
    service: Reproductions,
    request: CreateReproductionRequest,
    console: Console,
    name: str,
    report: Path | None,
    as_json: bool,
) -> None:
    ended = follow(service, service.create(request), console, name)
    tables.show_verdict(console, ended, name)
    if report is not None:
        _write_report(service, ended.id, report, console)
    if as_json:
        output.print_json(document(ended))
    if status.status_of(ended):
        raise typer.Exit(status.status_of(ended))


def _write_report(service: Reproductions, id_: str, file: Path, console: Console) -> None:
    page = service.get(id_).report
    if not page:
        output.fail(f"reproduction {id_} has no report; the service's log says why", 2)
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        output.fail(f"the report cannot be written: {error}", 2)
    console.print(f"report: {file}", markup=False)


def _reproduce_all(service: Reproductions, asked: ReproductionSpec, console: Console, as_json: bool) -> None:
    # Imported late: it knows every scenario, and no other command has to.
    from paramedic_service.cli.reproduce import scenarios

    outcomes = scenarios.run_all(service, asked, console)
    scenarios.show_outcomes(console, outcomes)
    if as_json:
        output.print_json({"scenarios": [scenarios.outcome_document(each) for each in outcomes]})
    if not all(each.as_known for each in outcomes):
        raise typer.Exit(status.NO_REMEDY)


def _list_scenarios(service: Reproductions, as_json: bool) -> None:
    found = service.scenarios()
    if as_json:
        output.print_json({"scenarios": [document(each) for each in found]})
    else:
        tables.print_scenarios(found)


def _list(service: Reproductions, as_json: bool) -> None:
    found = list(service.past())
    if as_json:
        output.print_json({"reproductions": [document(each) for each in found]})
    else:
        tables.print_reproductions(found)


def _cancel(service: Reproductions, id_: str, as_json: bool) -> None:
    ended = service.cancel(id_)
    if as_json:
        output.print_json(document(ended))
    else:
        tables.print_reproductions([ended])
