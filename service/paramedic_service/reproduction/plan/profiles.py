"""Where samples come from: the data profile of a description, and the source that a specification names."""

import math
import re
from collections.abc import Sequence

from paramedic.v1.reproduction_pb2 import DataSource
from paramedic_service.reproduction.plan.checks import integer, listed, name, number, readable, shown
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.parts import DTYPES
from paramedic_service.rules.description import ArrayProfile, Data

_PATH = "description.data"
_COUNT = integer(0, 2**53)
_VALUE = number(-1e300, 1e300)
_DTYPES = frozenset({*DTYPES, "object", "float128"})
FEATURES = ("feature_means", "feature_deviations", "feature_lowest", "feature_highest")
MOST_FEATURES = 1_024
"""Features that a client gives statistics of."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def check_data(data: Data | None, limits: Limits) -> None:
    """Checks the profile that samples are made from.

    Raises:
        SpecError: It is absurd, or describes more than the limits allow.
    """
    if data is None:
        return
    if data.samples is not None:
        _COUNT(data.samples, f"{_PATH}.samples", limits)
    for group, arrays in (("inputs", data.inputs), ("targets", data.targets)):
        for place, array in enumerate(arrays):
            _check_array(array, f"{_PATH}.{group}[{place}]", limits)


def check_source(source: DataSource, limits: Limits) -> None:
    """Checks where samples are to come from; whether there is a data set of that name is for its reader to say."""
    match source.WhichOneof("source"):
        case "synthesis":
            integer(0, "samples")(source.synthesis.samples, "data.synthesis.samples", limits)
        case "bundled":
            if not _NAME.fullmatch(source.bundled):
                raise SpecError(
                    "data.bundled",
                    f'got {shown(source.bundled)}, expected a name of small letters, digits, "-" and "_"',
                )
        case "shared":
            for field in ("project", "id"):
                path = f"data.shared.{field}"
                name(getattr(source.shared, field), path, 128)
            integer(0, 2**31 - 1)(source.shared.attempt, "data.shared.attempt", limits)
            integer(0, 2**31 - 1)(source.shared.rank, "data.shared.rank", limits)


def _check_array(array: ArrayProfile, path: str, limits: Limits) -> None:
    readable(array.name, f"{path}.name", limits.text)
    if array.dtype and array.dtype not in _DTYPES:
        raise SpecError(f"{path}.dtype", f"got {shown(array.dtype)}, expected one of {listed(_DTYPES)}")
    _check_shape(array.shape, f"{path}.shape", limits)
    for field in ("examined", "nonfinite"):
        if (value := getattr(array, field)) is not None:
            _COUNT(value, f"{path}.{field}", limits)
    for field in ("shortest", "longest"):
        if (value := getattr(array, field)) is not None:
            integer(0, "sequence_length")(value, f"{path}.{field}", limits)
    if (array.shortest or 0) > (array.longest if array.longest is not None else math.inf):
        raise SpecError(f"{path}.shortest", f"got {array.shortest}, and the longest has {array.longest}")
    for field in ("mean", "lowest", "highest"):
        if (value := getattr(array, field)) is not None:
            _VALUE(value, f"{path}.{field}", limits)
    if array.deviation is not None:
        number(0, 1e300)(array.deviation, f"{path}.deviation", limits)
    for field in ("padding_share", "whole_share"):
        if (value := getattr(array, field)) is not None:
            number(0, 1)(value, f"{path}.{field}", limits)
    for field in FEATURES:
        _check_features(getattr(array, field), array, f"{path}.{field}", limits)
    for place, count in enumerate(array.class_counts):
        _COUNT(count, f"{path}.class_counts[{place}]", limits)


def _check_features(values: Sequence[float], array: ArrayProfile, path: str, limits: Limits) -> None:
    if values and array.feature_means and len(values) != len(array.feature_means):
        raise SpecError(path, f"got {len(values)} features, and there are {len(array.feature_means)} means")
    low = 0 if path.endswith("deviations") else -1e300
    check = number(low, 1e300)
    for place, value in enumerate(values):
        check(value, f"{path}[{place}]", limits)


def _check_shape(shape: Sequence[int], path: str, limits: Limits) -> None:
    if len(shape) > limits.rank:
        raise SpecError(path, f"got {len(shape)} axes, expected at most {limits.rank}")
    for place, size in enumerate(shape):
        if size < -1 or (place and size > limits.features) or size > 2**53:
            raise SpecError(f"{path}[{place}]", f"got {size}, expected -1 or up to {limits.features:,}")
    elements = math.prod(size for size in shape[1:] if size > 0)
    if elements > limits.features:
        raise SpecError(path, f"a sample has {elements:,} elements, expected at most {limits.features:,}")
