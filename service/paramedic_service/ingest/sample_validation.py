"""Checks what samples a client says it is about to share."""

import math

from paramedic.v1.telemetry_pb2 import SampleArray, SampleHeader
from paramedic_service.ingest.refusal import MAX_NAME_CHARACTERS, InvalidRequestError, Problem, check_name

ITEM_BYTES = {"float32": 4, "float64": 8, "int32": 4, "int64": 8, "uint8": 1, "bool": 1}
"""Types that arrays may be of, with the size of one value."""

MAX_ARRAYS = 64
MAX_DIMENSIONS = 8


def validate_sample(header: SampleHeader, limit: int) -> int:
    """Checks the arrays of a sample.

    Args:
        header: As received.
        limit: Most bytes of all arrays together.

    Returns:
        Bytes of all arrays together.

    Raises:
        InvalidRequestError: There are no arrays, or too many; or one is of a type that is not taken, has no samples or
            as many as no other, or all of them are larger than the limit.
    """
    arrays = [
        (f"header.{side}[{place}]", array)
        for side, each in (("inputs", header.inputs), ("targets", header.targets))
        for place, array in enumerate(each)
    ]
    for side, each in (("inputs", header.inputs), ("targets", header.targets)):
        if not 1 <= len(each) <= MAX_ARRAYS:
            raise InvalidRequestError(
                f"header.{side}", f"got {len(each)} arrays, expected 1 to {MAX_ARRAYS}", Problem.LENGTH
            )
    size = sum(_bytes(array, field) for field, array in arrays)
    samples = arrays[0][1].shape[0]
    for field, array in arrays:
        if array.shape[0] != samples:
            raise InvalidRequestError(
                f"{field}.shape",
                f"got {array.shape[0]} samples, expected {samples} as of the first input",
                Problem.LENGTH,
            )
    if size > limit:
        raise InvalidRequestError(
            "header", f"got arrays of {size} bytes, expected at most {limit}; share fewer samples", Problem.LIMIT
        )
    return size


def _bytes(array: SampleArray, field: str) -> int:
    """Size of one array."""
    if array.name:
        check_name(array.name, f"{field}.name", MAX_NAME_CHARACTERS)
    if array.dtype not in ITEM_BYTES:
        raise InvalidRequestError(
            f"{field}.dtype", f"got {array.dtype[:40]!r}, expected one of {', '.join(ITEM_BYTES)}", Problem.UNKNOWN
        )
    if not 1 <= len(array.shape) <= MAX_DIMENSIONS:
        raise InvalidRequestError(
            f"{field}.shape", f"got {len(array.shape)} dimensions, expected 1 to {MAX_DIMENSIONS}", Problem.LENGTH
        )
    if min(array.shape) < 1:
        raise InvalidRequestError(
            f"{field}.shape", f"got a size of {min(array.shape)}, expected at least 1", Problem.RANGE
        )
    return math.prod(array.shape) * ITEM_BYTES[array.dtype]
