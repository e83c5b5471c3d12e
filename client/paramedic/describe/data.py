"""Input and target arrays in neutral terms: shapes, statistics, labels.

Statistics are taken from a bounded number of samples, spread evenly over the array, so that describing data costs the
same whether there are a thousand samples or a billion.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.describe.labels import describe_labels
from paramedic.describe.statistics import describe_values
from paramedic.v1.description_pb2 import ArrayProfile, DataProfile

MAX_SAMPLES = 4096
"""Samples that statistics are taken from."""

MAX_LABELS = 1_000_000
"""The same where a sample is a single number: rare classes are found only among many."""

MAX_VALUES = 4_000_000
"""Numbers that statistics are taken from; fewer samples where they are large."""

_MOST_INPUTS = 64


def data_profile(x: Any, y: Any = None) -> DataProfile:
    """Describes training data.

    Args:
        x: Inputs: an array, tensor, DataFrame, list of samples, or a list, tuple or mapping of such. What is read only
            by iterating over it (generators, data sets) is left alone and has no profile.
        y: Targets, likewise; None for none.
    """
    inputs, targets = list(arrays(x)), list(arrays(y))
    profile = DataProfile(
        inputs=[array_profile(array, name) for name, array in inputs],
        targets=[array_profile(array, name, labels=True) for name, array in targets],
    )
    if inputs:
        profile.samples = len(inputs[0][1])
    return profile


def array_profile(array: Any, name: str = "", *, labels: bool = False) -> ArrayProfile:
    """Describes one array.

    Args:
        array: What `np.asarray` takes, [samples, ...], or samples of unequal length.
        name: Of the input or target; empty for the only one.
        labels: Whether it holds targets, which may be labels.
    """
    values = as_array(array)
    if values.dtype == object:
        return _ragged_profile(values, name)
    profile = ArrayProfile(name=name, shape=[-1, *values.shape[1:]], dtype=values.dtype.name)
    sampled = _sample(values)
    if len(sampled) and _numeric(sampled):
        describe_values(profile, sampled, sequences=not labels)
        if labels:
            describe_labels(profile, sampled)
    return profile


def _ragged_profile(samples: npt.NDArray[Any], name: str) -> ArrayProfile:
    """Describes samples that do not make a rectangular array."""
    profile = ArrayProfile(name=name, shape=[-1, -1], dtype="object")
    lengths = [len(sample) for sample in samples if hasattr(sample, "__len__") and not isinstance(sample, str | bytes)]
    if lengths and len(lengths) == len(samples):
        profile.shortest, profile.longest = min(lengths), max(lengths)
    examined = [as_array(sample) for sample in _sample(samples)]
    parts = [part.reshape(len(part) if part.ndim else 1, *part.shape[1:]) for part in examined if _numeric(part)]
    if parts and len(parts) == len(examined) and len({part.shape[1:] for part in parts}) == 1:
        profile.shape.extend(parts[0].shape[1:])
        joined = np.concatenate(parts)
        describe_values(profile, joined[: max(1, MAX_VALUES // max(1, joined[0].size))], sequences=False)
        profile.examined = len(parts)
    return profile


def arrays(structure: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The arrays of inputs or targets, with their names."""
    if structure is None:
        return
    if isinstance(structure, Mapping):
        members = [(str(key), value) for key, value in structure.items()]
    elif isinstance(structure, tuple) or (isinstance(structure, list) and _holds_arrays(structure)):
        members = [(str(index), value) for index, value in enumerate(structure)]
    elif isinstance(structure, list) or hasattr(structure, "shape"):
        yield name, structure
        return
    else:
        return
    for key, value in members[:_MOST_INPUTS]:
        yield from arrays(value, f"{name}/{key}" if name else key)


def _holds_arrays(members: Sequence[Any]) -> bool:
    """Whether a list holds one array an input, rather than one sample an element."""
    if not members or len(members) > _MOST_INPUTS or not all(hasattr(member, "shape") for member in members):
        return False
    counts = {member.shape[0] if len(member.shape) else 0 for member in members}
    return len(counts) == 1 and counts.pop() > 1


def as_array(values: Any) -> npt.NDArray[Any]:
    """As an array; of dtype object where samples differ in length."""
    for convert in ("detach", "cpu", "toarray", "to_numpy"):  # tensors of torch, sparse matrices, DataFrames
        method = getattr(values, convert, None)
        if callable(method):
            values = method()
    try:
        array = np.asarray(values)
    except ValueError:  # samples of unequal length
        array = np.empty(len(values), dtype=object)
        array[:] = list(values)
    if array.dtype == object and array.ndim > 1:
        # Columns of different types, as DataFrames have them; numbers among them may still be one table.
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            return array
    return array


def _sample(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Samples spread evenly over an array, no more than the bounds allow."""
    size = max(1, values[0].size if len(values) and values.dtype != object else 1)
    most = min(MAX_LABELS if size == 1 else MAX_SAMPLES, max(1, MAX_VALUES // size))
    if values.dtype == object:
        most = MAX_SAMPLES
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(np.int64)]


def _numeric(values: npt.NDArray[Any]) -> bool:
    return values.size > 0 and values.dtype.kind in "biuf"
