"""Finds out what a file is, and reads the past runs in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramedic.past import tables, tensorboard
from paramedic.past.run import PastRun, PastRunError

_READERS = {
    ".csv": tables.from_csv,
    ".tsv": tables.from_csv,
    ".json": tables.from_json,
    ".jsonl": tables.from_json_lines,
    ".ndjson": tables.from_json_lines,
}


def read(source: Any) -> list[PastRun]:
    """Reads past runs.

    Args:
        source: A TensorBoard event file or log directory; a .csv, .jsonl or .json file; a Keras `History`, or what it
            holds: lists of numbers by signal.

    Raises:
        PastRunError: There are none in it; the message says why.
        OSError: It cannot be read.
    """
    values = getattr(source, "history", source)
    if isinstance(values, Mapping):
        return [tables.from_history(values, "history")]
    path = Path(source)
    if not path.exists():
        raise PastRunError(f"{path} does not exist")
    if tensorboard.is_log(path):
        return tensorboard.from_events(path)
    if path.is_dir():
        raise PastRunError(f"{path} holds no event files of TensorBoard; name a .csv, .jsonl or .json file by itself")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise PastRunError(f"{path} is no event file of TensorBoard, and does not end with {', '.join(_READERS)}")
    return [reader(path)]
