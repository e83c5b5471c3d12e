"""`paramedic sync`: delivers what trainings left on disk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from paramedic.sync import RunSync, SyncReport
from paramedic.sync import sync as deliver
from paramedic_service.cli import connection, output
from paramedic_service.cli.root import app

# What a shell reports of a command that Ctrl-C ended.
_INTERRUPTED = 130


@app.command()
def sync(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run's spool directory, or one above many.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    url: connection.Url = None,
    token: connection.Token = None,
    tls: connection.Tls = False,
    tls_ca: connection.TlsCa = None,
) -> None:
    """Delivers what runs left on disk, and removes what the service has; ends with 1 when something is left.

    It can be interrupted and repeated: nothing is stored twice.
    """
    if not directory.is_dir():
        output.fail(f"{directory} is no directory; name a spool directory, such as that in PARAMEDIC_SPOOL_DIR", 2)
    with connection.connect(url, token, tls, tls_ca) as service:
        service.ping()  # a service that is away is one line now, instead of one for every run later
    try:
        with _progress() as show:
            report = deliver(directory, connection.address(url, tls), token, tls_ca, on_progress=show)
    except KeyboardInterrupt:
        output.fail(f"interrupted; what is not delivered stays in {directory}, so sync it again", _INTERRUPTED)
    if as_json:
        output.print_json(_document(report))
    else:
        _print(report)
    if not report.complete:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[RunSync], None]]:
    """Shows a bar for every run on standard error, when that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[Path, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def show(run: RunSync) -> None:
            if run.directory not in tasks:
                tasks[run.directory] = progress.add_task(output.printable(run.run), total=run.entries)
            progress.update(tasks[run.directory], completed=run.delivered + run.already_stored)

        yield show


def _document(report: SyncReport) -> dict[str, Any]:
    return {
        "complete": report.complete,
        "runs": [
            {
                "directory": str(run.directory),
                "run": run.run or None,
                "entries": run.entries,
                "delivered": run.delivered,
                "already_stored": run.already_stored,
                "lost": dict(run.lost),
                "error": run.error,
            }
            for run in report.runs
        ],
    }


def _print(report: SyncReport) -> None:
    output.print_table(
        ("run", "delivered", "already stored", "rows lost", "left because"),
        (
            (
                run.run or str(run.directory),
                str(run.delivered),
                str(run.already_stored),
                ", ".join(f"{rows} {reason}" for reason, rows in run.lost) or "0",
                run.error or "-",
            )
            for run in report.runs
        ),
        empty="Nothing to deliver.",
    )
