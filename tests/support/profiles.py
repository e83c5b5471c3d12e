"""Descriptions of data, as a client would have reported them."""

from typing import Any

from paramedic_service.rules.description import ArrayProfile, Data, Description, Layer, Model


def array(shape: tuple[int, ...], **fields: Any) -> ArrayProfile:
    """A profile of one array of floats, standard normal unless told otherwise; the shape is a sample's."""
    normal = {"dtype": "float32", "mean": 0.0, "deviation": 1.0, "lowest": -4.0, "highest": 4.0, "examined": 1000}
    return ArrayProfile(shape=(-1, *shape), **(normal | fields))


def words(steps: int, highest: int, padding: float | None = None) -> ArrayProfile:
    """A profile of token ids from 0 or, padded, from 1."""
    share = 1 - (padding or 0.0)
    mean = share * highest / 2
    deviation = (share * highest**2 / 3 - mean**2) ** 0.5
    return array(
        (steps,), dtype="int32", mean=mean, deviation=deviation, lowest=0.0, highest=float(highest), whole_share=1.0,
        padding_share=padding if padding is not None else 0.0,
    )  # fmt: skip


def classes(
    counts: tuple[int, ...], encoding: str = "integer", shape: tuple[int, ...] = (), dtype: str = "int64"
) -> ArrayProfile:
    """A profile of labels, so many a class."""
    highest = float(len(counts) - 1) if encoding == "integer" else 1.0
    lowest = float(next((place for place, count in enumerate(counts) if count), 0)) if encoding == "integer" else 0.0
    return array(
        shape, dtype=dtype, lowest=lowest, highest=highest, whole_share=1.0, encoding=encoding, class_counts=counts,
        examined=sum(counts),
    )  # fmt: skip


def numbers(shape: tuple[int, ...] = (1,), **fields: Any) -> ArrayProfile:
    """A profile of real-valued targets."""
    return array(shape, encoding="continuous", **fields)


def described(
    *inputs: ArrayProfile, targets: ArrayProfile | tuple[ArrayProfile, ...], samples: int | None = 1000,
    layers: tuple[Layer, ...] = (),
) -> Description:  # fmt: skip
    """A training on such data."""
    each = targets if isinstance(targets, tuple) else (targets,)
    return Description(data=Data(inputs, each, samples), model=Model(layers) if layers else None)
