"""TensorBoard's event files. Needs the tensorboard package, and no TensorFlow."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paramedic.past.run import GRADIENT, WEIGHT, PastRun, PastRunError, Series

_FILES = "*tfevents*"
_VALIDATION = frozenset({"validation", "val", "eval", "test"})
_KEEP_ALL = {"scalars": 0, "tensors": 0, "compressedHistograms": 1, "images": 1, "audio": 1, "histograms": 0}


def is_log(path: Path) -> bool:
    """Whether a file, or something below a directory, is an event file."""
    return "tfevents" in path.name if path.is_file() else any(path.rglob(_FILES))


def from_events(path: Path) -> list[PastRun]:
    """Reads an event file, or every run below a log directory.

    Scalars, and the L2 norms of what was logged as histograms of gradients ("gradients/fc.weight", "fc.weight.grad")
    and of weights; exact, since an event file keeps a histogram's sum of squares. Keras writes what it measures in
    training and in validation into two directories, which are one run.

    Raises:
        PastRunError: It cannot be read, or the tensorboard package is not installed.
    """
    directories = [path] if path.is_file() else sorted({file.parent for file in path.rglob(_FILES)})
    runs: dict[str, PastRun] = {}
    for directory in directories:
        validation = directory.is_dir() and directory.name in _VALIDATION
        home = directory.parent if directory.name in _VALIDATION | {"train"} else directory
        name = home.name if home == path else str(home.relative_to(path)) if home.is_relative_to(path) else home.name
        _add(runs.setdefault(name, PastRun(name)), _accumulated(directory), validation)
    return list(runs.values())


def _accumulated(directory: Path) -> Any:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        raise PastRunError(f"{directory} is TensorBoard's; to read it: pip install 'paramedic[import]'") from error
    accumulator = EventAccumulator(str(directory), size_guidance=_KEEP_ALL)
    try:
        accumulator.Reload()
    except Exception as error:  # whatever a damaged file makes it raise
        raise PastRunError(f"{directory} cannot be read: {type(error).__name__}: {error}") from error
    return accumulator


def _add(past: PastRun, accumulated: Any, validation: bool) -> None:
    found = dict(_scalars(accumulated))
    if any(tag.startswith("batch_") for tag in found):
        # Epochs and batches are counted apart; one run has one count.
        found = {tag: series for tag, series in found.items() if not tag.startswith("epoch_")}
    past.by_epochs |= any(tag.startswith("epoch_") for tag in found)
    for tag, series in found.items():
        past.scalars[f"val_{tag}" if validation else tag] = series
    for tag in accumulated.Tags()["histograms"]:
        signal, tensor = _norm_of(tag)
        events = accumulated.Histograms(tag)
        points = {
            event.step: (event.wall_time, math.sqrt(max(event.histogram_value.sum_squares, 0.0))) for event in events
        }
        past.norms.setdefault(signal, {})[tensor] = Series.of(points)
        past.elements[tensor] = int(events[-1].histogram_value.num)


def _scalars(accumulated: Any) -> Iterator[tuple[str, Series]]:
    from tensorboard.util import tensor_util

    tags = accumulated.Tags()
    for tag in tags["scalars"]:
        yield tag, Series.of({event.step: (event.wall_time, event.value) for event in accumulated.Scalars(tag)})
    for tag in tags["tensors"]:  # TensorFlow 2 writes its scalars so
        if accumulated.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            events = accumulated.Tensors(tag)
            values = [tensor_util.make_ndarray(event.tensor_proto).item() for event in events]
            points = {event.step: (event.wall_time, value) for event, value in zip(events, values, strict=True)}
            yield tag, Series.of(points)


def _norm_of(tag: str) -> tuple[int, str]:
    """Whether a histogram is of a gradient or of weights, and the tensor's name."""
    first, _, rest = tag.partition("/")
    if first.lower() in ("grad", "grads", "gradient", "gradients") and rest:
        return GRADIENT, rest
    for ending in (".grad", "/grad", "_grad", "/gradient", "_gradient"):
        if tag.endswith(ending):
            return GRADIENT, tag.removesuffix(ending)
    if first.lower() in ("weight", "weights", "param", "params", "parameters") and rest:
        return WEIGHT, rest
    return WEIGHT, tag
