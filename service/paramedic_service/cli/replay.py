"""`paramedic replay`: a recorded run through the rules of this installation."""

from pathlib import Path
from typing import Annotated, Any

import typer

from paramedic_service.cli import identity, output
from paramedic_service.cli.documents import document
from paramedic_service.cli.findings_table import print_findings
from paramedic_service.cli.incidents_table import print_incident
from paramedic_service.cli.recording import Recording, RecordingError, spooled, stored
from paramedic_service.cli.root import app
from paramedic_service.cli.rulebook import RulesFile, rulebooks
from paramedic_service.ingest.incident_messages import incidents_to_messages
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.ingest.restore import Replayer
from paramedic_service.ingest.translation import finding_to_message, identity_to_message
from paramedic_service.rules.rulebooks import Rulebooks
from paramedic_service.settings import default_store_url
from paramedic_service.store.records import RunKey


@app.command()
def replay(
    recording: Annotated[
        Path | None, typer.Argument(metavar="[RECORDING]", help="Spool directory of a run, or one file of it.")
    ] = None,
    *,
    run: Annotated[str | None, typer.Option(metavar="PROJECT/ID", help="Replay this run of a store instead.")] = None,
    attempt: Annotated[int, typer.Option(min=0, help="Attempt of that run.")] = 0,
    rank: Annotated[int, typer.Option(min=0, help="Rank of that run.")] = 0,
    store: Annotated[
        str | None,
        typer.Option(envvar="PARAMEDIC_STORE_URL", help="The store, opened for reading only.", show_default="yours"),
    ] = None,
    rules_file: RulesFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Folds a recorded run again and shows what the rules find in it; no service is asked."""
    if (recording is None) == (run is None):
        output.fail("name either a RECORDING or a run of a store with --run PROJECT/ID", 2)
    books = rulebooks(rules_file)
    try:
        if recording is not None:
            _replay(spooled(recording), books, as_json)
        elif run is not None:
            wanted = identity.parse(run, attempt, rank)
            key = RunKey(wanted.project, wanted.id, attempt, rank)
            with stored(store or default_store_url(), key) as found:
                _replay(found, books, as_json)
    except (RecordingError, OSError) as error:
        output.fail(str(error), 2)


def _replay(recording: Recording, books: Rulebooks, as_json: bool) -> None:
    live = recording.begin(books.of(recording.key.project))
    replayer = Replayer(live)
    left_out: list[tuple[str, str]] = []
    for entry in recording.entries:
        if entry.body is None:
            left_out.append((entry.place, entry.damage))
            continue
        try:
            replayer.feed(entry.body, by_service=entry.by_service)
        except InvalidRequestError as error:
            left_out.append((entry.place, str(error)))
    if as_json:
        output.print_json(_document(live, left_out))
    else:
        _print(live, left_out)


def _document(live: LiveRun, left_out: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "run": document(identity_to_message(live.key)),
        "name": live.name,
        "state": live.state.name.lower(),
        "rows": live.rows,
        "last_step": live.last_step,
        "findings": [document(finding_to_message(live.key, each)) for each in live.diagnosis.findings.values()],
        "incidents": [document(each) for each in incidents_to_messages(live.key, live.incidents)],
        "abstentions": [{"rule": rule, "reason": why} for rule, why in live.diagnosis.abstentions.items()],
        "left_out": [{"place": place, "reason": reason} for place, reason in left_out],
    }


def _print(live: LiveRun, left_out: list[tuple[str, str]]) -> None:
    console = output.console()
    name = output.printable(identity.label(identity_to_message(live.key)))
    step = "no step" if live.last_step is None else f"step {live.last_step}"
    console.print(f"{name}: {live.rows} rows up to {step}, {live.state.name.lower()}", markup=False)
    for incident in incidents_to_messages(live.key, live.incidents):
        console.print()
        print_incident(incident)
    console.print()
    print_findings([finding_to_message(live.key, finding) for finding in live.diagnosis.findings.values()])
    if live.diagnosis.abstentions:
        console.print()
        output.print_table(("rule that cannot judge", "why"), live.diagnosis.abstentions.items(), empty="")
    if left_out:
        console.print()
        output.print_table(("entry left out", "why"), left_out, empty="")
