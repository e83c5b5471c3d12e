"""How commands speak: tables for people, one JSON document for programs, one line for errors."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Without a terminal there is no width to fit into, and a pipe wants a row in one line.
_PIPED_WIDTH = 10_000

SEVERITY_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
STATE_STYLES = {"running": "green", "failed": "bold red"}


def console() -> Console:
    """Returns a console on what is standard output now."""
    return Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False)


def note(message: str) -> None:
    """Says something beside the outcome, in one line on standard error."""
    sys.stderr.write(f"paramedic: {printable(message)}\n")


def fail(message: str, code: int) -> NoReturn:
    """Ends the command with one line on standard error.

    Args:
        message: What happened, where, and what to do.
        code: Exit status.
    """
    note(message)
    raise typer.Exit(code)


def print_json(document: object, *, indent: int | None = 2) -> None:
    """Writes one JSON document to standard output; it must hold no NaN and no infinity."""
    sys.stdout.write(json.dumps(document, indent=indent, allow_nan=False) + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, empty: str) -> None:
    """Writes a table to standard output.

    Args:
        columns: Headings; all empty: none are shown.
        rows: Cells; text as it came from the training, nothing in it is taken for markup.
        empty: What to say when there are no rows.
    """
    table = Table(
        *columns, box=None, show_header=any(columns), header_style="bold", pad_edge=False, padding=(0, 2, 0, 0)
    )
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row))
    console().print(table if table.row_count else empty, markup=False, soft_wrap=False)


def styled(word: str, styles: dict[str, str]) -> Text:
    """Returns a word in the style that it has."""
    return Text(printable(word), style=styles.get(word, ""))


def printable(text: str) -> str:
    """Returns text without what a terminal would obey: names and messages come from other people's programs."""
    return "".join(character if character.isprintable() else " " for character in text)
