"""Samples that a run's author shared, as a file: a header, then the arrays one after another."""

import math
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from paramedic.v1.telemetry_pb2 import SampleArray, SampleHeader
from paramedic_service.reproduction.data.samples import Array, DataError, Samples
from paramedic_service.reproduction.plan.limits import Limits

MAGIC = b"PARAMEDIC SAMPLE 1\n"
"""What such a file begins with; the header's length follows, four bytes little-endian, the header, and the contents."""

DTYPES = frozenset({"float32", "float64", "int32", "int64", "uint8", "bool"})

_HELD = 0.2


def write_shared(path: Path, header: bytes, contents: bytes) -> None:
    """Writes a shared sample as `read_shared` reads it.

    Args:
        path: File to write.
        header: A serialised SampleHeader.
        contents: Of its arrays, one after another.
    """
    path.write_bytes(MAGIC + len(header).to_bytes(4, "little") + header + contents)


def read_shared(path: Path, generator: np.random.Generator, limits: Limits) -> Samples:
    """Reads a shared sample; of more samples than allowed some at random. A fifth is held out.

    Raises:
        DataError: The file is damaged, or cannot be read.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            arrays, inputs = _arrays(mapped)
            return _split(arrays, inputs, generator, limits)
    except (OSError, ValueError, DecodeError) as error:
        raise DataError(f"data.shared: {path} cannot be read: {error}; share the sample again") from error


def _arrays(mapped: mmap.mmap) -> tuple[list[Array], int]:
    """Views of all arrays, and how many of them are inputs."""
    start = len(MAGIC) + 4
    if mapped[: len(MAGIC)] != MAGIC:
        raise ValueError("it is no shared sample")
    length = int.from_bytes(mapped[len(MAGIC) : start], "little")
    header = SampleHeader.FromString(mapped[start : start + length])
    arrays = list(_views(mapped, start + length, (*header.inputs, *header.targets)))
    counts = {len(array) for array in arrays}
    if not header.inputs or not header.targets or len(counts) != 1:
        raise ValueError("inputs and targets are not of one number of samples")
    return arrays, len(header.inputs)


def _views(mapped: mmap.mmap, start: int, described: tuple[SampleArray, ...]) -> Iterator[Array]:
    for array in described:
        if array.dtype not in DTYPES or not array.shape or min(array.shape) < 0:
            raise ValueError(f"there is no array of type {array.dtype!r} and shape {list(array.shape)}")
        dtype = np.dtype(array.dtype).newbyteorder("<")
        count = math.prod(array.shape)
        # Copied from here on, so that nothing refers to the mapping when it is closed.
        yield np.frombuffer(mapped, dtype, count, start).reshape(*array.shape).astype(array.dtype)
        start += count * dtype.itemsize


def _split(arrays: list[Array], inputs: int, generator: np.random.Generator, limits: Limits) -> Samples:
    whole = np.ones(len(arrays[0]), bool)
    for array in arrays:
        if array.dtype.kind == "f":
            whole &= np.isfinite(array).reshape(len(array), -1).all(1)
    order = generator.permutation(len(whole))[: limits.samples]
    good = order[whole[order]]
    # Only whole samples can tell an error; where there are none, the training has them all.
    held = good[: round(_HELD * len(order))]
    train = np.setdiff1d(order, held)
    if not len(train):
        raise DataError("data.shared: there are too few samples; share at least ten")
    parts = [tuple(array[rows] for array in arrays) for rows in (generator.permutation(train), held)]
    return Samples(parts[0][:inputs], parts[0][inputs:], parts[1][:inputs], parts[1][inputs:])
