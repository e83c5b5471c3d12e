"""`paramedic replay`: a recorded run through the rules of this installation."""

from pathlib import Path
from typing import Annotated

import typer

from paramedic_service.cli import identity, output
from paramedic_service.cli.judged import Judged, judge
from paramedic_service.cli.recording import RecordingError, spooled, stored
from paramedic_service.cli.root import app
from paramedic_service.cli.rulebook import RulesFile, rulebooks
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
            _show(judge(spooled(recording), books), as_json)
        elif run is not None:
            wanted = identity.parse(run, attempt, rank)
            key = RunKey(wanted.project, wanted.id, attempt, rank)
            with stored(store or default_store_url(), key) as found:
                _show(judge(found, books), as_json)
    except (RecordingError, OSError) as error:
        output.fail(str(error), 2)


def _show(judged: Judged, as_json: bool) -> None:
    if as_json:
        output.print_json(judged.document())
    else:
        judged.print()
