"""`paramedic backtest`: what a changed parameter would have said of past runs."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from paramedic_service.cli import identity, output
from paramedic_service.cli.documents import document
from paramedic_service.cli.recording import Recording, RecordingError, all_spooled, all_stored
from paramedic_service.cli.root import app
from paramedic_service.cli.rulebook import RulesFile, rulebooks
from paramedic_service.ingest.backtest import Backtest, Comparison, RuleTally, tally
from paramedic_service.ingest.translation import identity_to_message
from paramedic_service.rules.catalogue import DEFAULTS
from paramedic_service.rules.rulebooks import Rulebooks
from paramedic_service.settings import default_store_url
from paramedic_service.store.records import RunKey

_INTERRUPTED = 130
_RUNS_NAMED = 5  # a rule and kind of change; the document names all


@app.command()
def backtest(
    recordings: Annotated[
        Path | None,
        typer.Argument(metavar="[RECORDINGS]", help="Directory with recorded runs, instead of a store."),
    ] = None,
    *,
    changes: Annotated[
        list[str], typer.Option("--set", metavar="RULE.PARAMETER=VALUE", help="A change; may be given several times.")
    ],
    store: Annotated[
        str | None,
        typer.Option(envvar="PARAMEDIC_STORE_URL", help="The store, opened for reading only.", show_default="yours"),
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only runs of this project.")] = None,
    rules_file: RulesFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Folds past runs as they are judged now and with changed parameters, and shows what would be said otherwise.

    Ctrl-C ends it with what was compared until then. Nothing is written anywhere.
    """
    overrides = _overrides(changes)
    books = rulebooks(rules_file)
    comparisons: list[Comparison] = []
    total = 0
    try:
        with ExitStack() as stack:
            if recordings is None:
                runs = stack.enter_context(all_stored(store or default_store_url(), project))
            else:
                runs = [each for each in all_spooled(recordings) if project in (None, each.key.project)]
            total = len(runs)
            for comparison in _compared(runs, books, overrides):
                comparisons.append(comparison)  # noqa: PERF402 (an interrupt keeps what is there)
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    except (RecordingError, OSError) as error:
        output.fail(str(error), 2)
    tallies = tally(comparisons)
    if as_json:
        output.print_json(_document(overrides, comparisons, tallies, total))
    else:
        _print(comparisons, tallies)
    if interrupted:
        output.fail(f"interrupted after {len(comparisons)} of {total} runs", _INTERRUPTED)


def _overrides(changes: Sequence[str]) -> dict[str, float]:
    overrides: dict[str, float] = {}
    for change in changes:
        path, equals, value = change.partition("=")
        try:
            if not equals or not path.partition(".")[2]:
                raise ValueError("write RULE.PARAMETER=VALUE")
            overrides[path] = float(value)
            DEFAULTS.changed(overrides)
        except ValueError as error:
            output.fail(f"--set {change}: {error}", 2)
    return overrides


def _compared(runs: Sequence[Recording], books: Rulebooks, overrides: Mapping[str, float]) -> Iterator[Comparison]:
    # Standard output is for the result.
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with progress:
        task = progress.add_task("folding", total=len(runs))
        for run in runs:
            book = books.of(run.key.project)
            test = Backtest(run.key, book, book.changed(overrides))
            for entry in run.entries:
                test.feed(entry.body, by_service=entry.by_service)
            yield test.result()
            progress.advance(task)


def _document(
    overrides: Mapping[str, float], comparisons: Sequence[Comparison], tallies: Mapping[str, RuleTally], total: int
) -> dict[str, Any]:
    return {
        "set": dict(overrides),
        "runs": len(comparisons),
        "runs_in_all": total,
        "rows": sum(comparison.rows for comparison in comparisons),
        "left_out": sum(comparison.left_out for comparison in comparisons),
        "rules": [
            {
                "rule": rule,
                "more": [{"run": _run(run), "step": step} for run, step in each.gained.items()],
                "less": [{"run": _run(run), "step": step} for run, step in each.lost.items()],
                "moved": [
                    {"run": _run(run), "step": step, "new_step": new_step}
                    for run, (step, new_step) in each.moved.items()
                ],
            }
            for rule, each in tallies.items()
        ],
    }


def _print(comparisons: Sequence[Comparison], tallies: Mapping[str, RuleTally]) -> None:
    rows = sum(comparison.rows for comparison in comparisons)
    changed = sum(bool(comparison.changes) for comparison in comparisons)
    output.console().print(f"{len(comparisons)} runs with {rows} rows; {changed} of them would be judged otherwise")
    output.print_table(
        ("rule", "change", "runs", "which, and from which step"),
        (line for rule, each in tallies.items() for line in _lines(rule, each)),
        empty="Nothing would be said otherwise.",
    )


def _lines(rule: str, each: RuleTally) -> Iterator[tuple[str, str, str, str]]:
    told = {
        "more": {run: str(step) for run, step in each.gained.items()},
        "less": {run: str(step) for run, step in each.lost.items()},
        "moved": {run: f"{step} to {new_step}" for run, (step, new_step) in each.moved.items()},
    }
    for change, runs in told.items():
        if runs:
            named = [f"{_label(run)} ({step})" for run, step in list(runs.items())[:_RUNS_NAMED]]
            rest = [f"and {len(runs) - _RUNS_NAMED} more"] if len(runs) > _RUNS_NAMED else []
            yield rule, change, str(len(runs)), ", ".join([*named, *rest])


def _label(run: RunKey) -> str:
    return identity.label(identity_to_message(run))


def _run(run: RunKey) -> dict[str, Any]:
    return document(identity_to_message(run))
