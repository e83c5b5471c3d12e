"""Histories in tables: CSV, JSON lines, a history of Keras, the state of a Hugging Face Trainer."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from paramedic.past.run import PastRun, PastRunError, Series

_STEPS = ("step", "global_step", "_step", "trainer/global_step", "iteration", "iter", "batch")
_EPOCHS = ("epoch", "epochs")
_TIMES = ("time", "timestamp", "_timestamp", "wall_time", "walltime")


def from_csv(path: Path) -> PastRun:
    """Reads a table with a head line: Keras's CSVLogger, Lightning's metrics.csv, an export.

    Raises:
        PastRunError: It has no columns.
        OSError: It cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            sample = file.read(65536)
            file.seek(0)
            dialect = csv.excel
            if sample:
                header = sample.splitlines()[0]
                dialect.delimiter = max(",;\t", key=header.count)
            return _run(path.name, csv.DictReader(file, dialect=dialect))
    except (UnicodeDecodeError, csv.Error) as error:
        raise PastRunError(f"{path} is no table of text: {error}") from error


def from_json_lines(path: Path) -> PastRun:
    """Reads one JSON object a line, as most loggers of one's own write them.

    Raises:
        PastRunError: A line is no JSON object.
        OSError: It cannot be read.
    """
    with path.open(encoding="utf-8") as file:
        return _run(path.name, _lines(path, file))


def from_json(path: Path) -> PastRun:
    """Reads a Keras history ({"loss": [...], "val_loss": [...]}), a Trainer's state, or a list of objects.

    Raises:
        PastRunError: It is none of these.
        OSError: It cannot be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PastRunError(f"{path} is no JSON: {error}; where every line is an object, name it .jsonl") from error
    if isinstance(document, Mapping) and isinstance(document.get("log_history"), list):
        document = document["log_history"]
    if isinstance(document, Mapping):
        return from_history(document, path.name)
    if isinstance(document, list) and all(isinstance(row, Mapping) for row in document):
        return _run(path.name, document)
    raise PastRunError(f"{path}: expected a history by signal, a Trainer's state, or a list of objects, one a step")


def from_history(history: Mapping[str, Any], name: str) -> PastRun:
    """Reads values by signal, one an epoch, as Keras's `History.history` has them.

    Args:
        history: Lists of numbers by signal.
        name: Of the run, for people.

    Raises:
        PastRunError: There are no lists of numbers.
    """
    past = PastRun(name, by_epochs=True)
    for tag, values in history.items():
        if isinstance(values, list | tuple) and values:
            numbers = [_number(value) for value in values]
            points = {epoch: (float("nan"), number) for epoch, number in enumerate(numbers) if number is not None}
            if points:
                past.scalars[str(tag)] = Series.of(points)
    if not past.scalars:
        raise PastRunError(f'{name}: expected lists of numbers by signal, such as {{"loss": [0.9, 0.5]}}')
    return past


def _lines(path: Path, file: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise PastRunError(f"{path}, line {number} is no JSON: {error}") from error
        if not isinstance(row, Mapping):
            raise PastRunError(f"{path}, line {number}: expected an object, such as {{'step': 1, 'loss': 0.5}}")
        yield row


def _run(name: str, rows: Iterable[Mapping[str, Any]]) -> PastRun:
    """Joins rows, each with its step where it has one, else its epoch, else counted."""
    past = PastRun(name)
    points: dict[str, dict[int, tuple[float, float]]] = {}
    by_steps = last = 0
    count = -1
    for count, row in enumerate(rows):
        numbers = {
            str(tag): number for tag, value in row.items() if tag is not None and (number := _number(value)) is not None
        }
        step = next((numbers[tag] for tag in _STEPS if tag in numbers), None)
        by_steps += step is not None
        if step is None:
            step = next((numbers[tag] for tag in _EPOCHS if tag in numbers), count if not by_steps else last)
        if not math.isfinite(step):
            continue
        last = int(step)
        time = next((_time(row[tag]) for tag in _TIMES if tag in row), float("nan"))
        for tag, number in numbers.items():
            if tag not in (*_STEPS, *_EPOCHS, *_TIMES):
                points.setdefault(tag, {})[last] = (time, number)
    past.by_epochs = not by_steps and count >= 0
    past.scalars = {tag: Series.of(values) for tag, values in points.items()}
    if not past.scalars:
        raise PastRunError(f"{name}: no column of it has numbers; expected a step or epoch, and a loss")
    return past


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None or value == "":
        return None
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _time(value: Any) -> float:
    number = _number(value)
    if number is not None:
        return number if number > 1e8 else float("nan")  # seconds since a start are no time of day
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return float("nan")
