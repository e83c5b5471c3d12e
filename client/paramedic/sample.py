"""Samples of its data that a training shares: which of them, and how they travel."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.describe.data import arrays, as_array
from paramedic.names import MAX_TENSOR_CHARACTERS, name_problem
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import SampleArray, SampleHeader, ShareSampleRequest

LIMIT = 16 * 1024 * 1024
"""Bytes that are shared unless the author says otherwise."""

_CONTENTS_BYTES = (1 << 20) - 64  # a message of 1 MiB, with the few bytes around it

_KEPT = frozenset({"float32", "float64", "int32", "int64", "uint8", "bool"})
_WIDENED = {"float16": "float32", "int8": "int32", "int16": "int32", "uint16": "int32", "uint32": "int64"}


Given = list[tuple[str, Any]]
Named = tuple[tuple[str, npt.NDArray[Any]], ...]


class SampleError(ValueError):
    """These samples cannot be shared; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Samples that were chosen, and copied: whatever happens to the data afterwards.

    Attributes:
        inputs: By name, [samples, ...] each, of the types that the contract takes.
        targets: Likewise.
        available: Samples that they were chosen from.
    """

    inputs: Named
    targets: Named
    available: int

    @property
    def count(self) -> int:
        """Samples that were chosen."""
        return len(self.inputs[0][1])

    @property
    def size(self) -> int:
        """Bytes of all arrays together."""
        return sum(array.nbytes for _, array in (*self.inputs, *self.targets))

    def requests(self, run: RunIdentity) -> Iterator[bytes]:
        """The messages of one ShareSample call, serialised."""
        header = SampleHeader(run=run)
        for described, each in ((header.inputs, self.inputs), (header.targets, self.targets)):
            described.extend(SampleArray(name=name, shape=array.shape, dtype=array.dtype.name) for name, array in each)
        yield ShareSampleRequest(header=header).SerializeToString()
        for _, array in (*self.inputs, *self.targets):
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            contents = little.reshape(-1).view(np.uint8)
            for start in range(0, len(contents), _CONTENTS_BYTES):
                part = contents[start : start + _CONTENTS_BYTES].tobytes()
                yield ShareSampleRequest(contents=part).SerializeToString()


def sample_of(x: Any, y: Any, limit: int = LIMIT) -> Sample:
    """Chooses samples, spread evenly over the data, as many as fit, and copies them.

    Args:
        x: Inputs: an array, what `np.asarray` takes, or a list, tuple or mapping of such, one an input.
        y: Targets, likewise.
        limit: Most bytes of all of them together.

    Raises:
        SampleError: They are not samples that can be shared, or not one of them fits.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SampleError(f"limit: expected a number of bytes above 0, got {limit!r}")
    inputs, targets = list(arrays(x)), list(arrays(y))
    for side, given in (("x", inputs), ("y", targets)):
        if not given:
            raise SampleError(f"{side}: expected an array, or a list, tuple or mapping of arrays")
    counts = {len(array) for _, array in (*inputs, *targets)}
    if len(counts) > 1 or not min(counts):
        raise SampleError(f"x and y: expected as many samples in each array, and at least one, got {sorted(counts)}")
    available = counts.pop()
    one = Sample(*_chosen(inputs, targets, np.zeros(1, np.int64)), available)
    fitting = min(available, limit // max(1, one.size))
    if not fitting:
        raise SampleError(f"one sample takes {one.size} bytes, more than the limit of {limit}; pass a larger limit")
    return Sample(*_chosen(inputs, targets, np.linspace(0, available - 1, fitting).astype(np.int64)), available)


def _chosen(inputs: Given, targets: Given, rows: npt.NDArray[np.int64]) -> tuple[Named, Named]:
    """Copies of some samples."""
    return (
        tuple((_named(name), _copied(f"x {name}", values, rows)) for name, values in inputs),
        tuple((_named(name), _copied(f"y {name}", values, rows)) for name, values in targets),
    )


def _named(name: str) -> str:
    """The name, if the service takes such; the order tells arrays apart without names."""
    return "" if name_problem(name, MAX_TENSOR_CHARACTERS) else name


def _copied(name: str, values: Any, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """A copy of some samples, of a type that the contract takes."""
    if isinstance(values, list):
        values = [values[row] for row in rows]  # a long list takes long to become an array
        chosen = as_array(values)
    else:
        chosen = as_array(values)[rows]
    if chosen.dtype.name in _WIDENED:
        return np.ascontiguousarray(chosen, _WIDENED[chosen.dtype.name])
    if chosen.dtype.name not in _KEPT:
        raise SampleError(
            f"{name.strip()}: arrays of type {chosen.dtype.name} cannot be shared; convert them to numbers, and pad "
            "samples of unequal length"
        )
    return np.ascontiguousarray(chosen)
