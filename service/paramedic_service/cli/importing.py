"""`paramedic import`: findings on runs that other loggers wrote down."""

import logging
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from paramedic.past.importing import spool
from paramedic.past.run import PastRunError
from paramedic.sync import RunSync, sync
from paramedic_service.cli import connection, output
from paramedic_service.cli.judged import Judged, judge
from paramedic_service.cli.recording import spooled
from paramedic_service.cli.root import app
from paramedic_service.cli.rulebook import RulesFile, rulebooks


@app.command("import")
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A TensorBoard event file or log directory, or a .csv, .jsonl or .json file: Keras's CSVLogger or "
            "history, Lightning's metrics.csv, a Trainer's trainer_state.json, one object a step.",
        ),
    ],
    *,
    project: Annotated[str, typer.Option(help="Of the runs.")] = "default",
    name: Annotated[str | None, typer.Option(help="For people.", show_default="the file's")] = None,
    spool_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="PARAMEDIC_SPOOL_DIR", help="Where runs are kept until they are delivered.", show_default="yours"
        ),
    ] = None,
    rules_file: RulesFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    url: connection.Url = None,
    token: connection.Token = None,
    tls: connection.Tls = False,
    tls_ca: connection.TlsCa = None,
) -> None:
    """Judges past runs, and stores them in the service where one is in reach; importing twice stores once."""
    books = rulebooks(rules_file)
    # TensorBoard reads its files through TensorFlow where that is installed, which has much to say of the machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        directories = spool(source, project, name, spool_dir)
        # Judged here, so that nobody needs a service for it; one that is there comes to the same findings.
        imported = [(judge(spooled(each), books), each) for each in directories]
        address = connection.address(url, tls)
        outcomes = [(judged, _delivered(each, address, token, tls_ca)) for judged, each in imported]
    except (PastRunError, OSError, ValueError) as error:
        output.fail(str(error), 2)
    if as_json:
        output.print_json({"runs": [_document(judged, outcome) for judged, outcome in outcomes]})
        return
    for judged, outcome in outcomes:
        judged.print()
        if outcome.error is not None:
            output.note(f"not stored: {outcome.error}; `paramedic sync {outcome.directory}` delivers it")


def _delivered(directory: Path, url: str | None, token: str | None, tls_ca: Path | None) -> RunSync:
    logging.getLogger("paramedic").setLevel(logging.ERROR)  # that nobody is there is said below, with what to do
    (outcome,) = sync(directory, url, token, tls_ca).runs
    return outcome


def _document(judged: Judged, outcome: RunSync) -> dict[str, Any]:
    return judged.document() | {"stored": outcome.error is None, "error": outcome.error}
