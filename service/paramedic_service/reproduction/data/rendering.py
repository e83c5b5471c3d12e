"""Inputs that show hidden factors, each kind in its own way.

A table shows every factor in many features. A sequence shows half of them throughout, thinly, so that evidence has to
be gathered over time, and each of the others only during one stretch, so that some of it has to be remembered until the
end. An image shows each as a patch with a texture of its own. Noise covers all of it.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from paramedic_service.reproduction.data.layout import Layout
from paramedic_service.reproduction.data.marginals import Marginal, by_rank
from paramedic_service.reproduction.data.samples import Array, Floats

SIGNAL = {"table": 0.7, "sequence": 0.6, "image": 0.6, "tokens": 1.0}
"""Share of the scores' variance that factors explain, by kind of input."""

_CHUNK = 2_000_000


def render(
    layout: Layout,
    factors: Floats,
    marginals: tuple[Marginal, ...],
    dtype: np.dtype[Any],
    generator: np.random.Generator,
) -> Array:
    """Draws one input array.

    Args:
        layout: Of a table, a sequence or an image.
        factors: [samples, factors], or where they change from place to place, [samples, *positions, factors].
        marginals: Of the array's last axis, one a feature; or one for all.
        dtype: Of the array.
        generator: For bases, noise and marginals.

    Returns:
        [samples, *shape].
    """
    count, width = len(factors), math.prod(layout.shape)
    features = layout.shape[-1] if layout.shape and len(marginals) > 1 else 1
    local = factors.ndim > 2
    basis = (
        _directions(generator, factors.shape[-1], layout.channels)
        if local
        else basis_of(layout, factors.shape[-1], generator)
    )
    scale = math.sqrt(SIGNAL[layout.kind] / max(float(np.square(basis).sum(0).mean()), 1e-12))
    noise = math.sqrt(1 - SIGNAL[layout.kind])
    values = np.empty((count, *layout.shape), dtype)
    fitted: Array | None = None
    for rows in _chunks(count, width):
        signal = scale * (factors[rows] @ basis)
        scores = signal.reshape(-1, width) + noise * generator.standard_normal(
            (rows.stop - rows.start, width), np.float32
        )
        scores = scores.reshape(-1, *layout.shape) if layout.shape else scores[:, 0]
        if fitted is None:
            fitted = scores.reshape(-1, features)
        mapped = by_rank(scores.reshape(-1, features), fitted[: _CHUNK // features], marginals, generator)
        values[rows] = as_dtype(mapped.reshape(scores.shape), dtype)
    return values


def basis_of(layout: Layout, factors: int, generator: np.random.Generator) -> Floats:
    """How each factor shows in each value of a sample, [factors, values]."""
    directions = _directions(generator, factors, layout.channels)
    if not layout.positions:
        return directions
    shown = envelopes(layout, factors, generator)
    joined: Floats = (shown[:, :, None] * directions[:, None, :]).reshape(factors, -1)
    return joined


def envelopes(layout: Layout, factors: int, generator: np.random.Generator) -> Floats:
    """Where each factor shows, [factors, positions]: over time by stretches, in space by patches."""
    if layout.kind == "image":
        return np.stack([_patch(layout.positions, factor, factors, generator) for factor in range(factors)])
    steps = math.prod(layout.positions)
    # One or two channels cannot tell a factor that always shows from one that shows for a while.
    throughout = 0 if layout.narrow else (factors + 1) // 2
    shown = np.full((factors, steps), math.sqrt(0.5))
    stretches = factors - throughout
    for stretch in range(stretches):
        at = np.arange(steps) * stretches // steps
        shown[throughout + stretch] = at == stretch
    return shown


def smooth(factors: int, count: int, positions: tuple[int, ...], generator: np.random.Generator) -> Floats:
    """Factors that change slowly from place to place, [samples, *positions, factors], standard normal everywhere."""
    field: Floats = generator.normal(size=(count, *positions, factors))
    for axis, size in enumerate(positions, 1):
        keep = 1 - 1 / max(2.0, size / 4)
        moved = np.moveaxis(field, axis, 0)
        for step in range(1, size):
            moved[step] = keep * moved[step - 1] + math.sqrt(1 - keep**2) * moved[step]
    return field


def recent(field: Floats, steps: int) -> Floats:
    """Sums over the last few steps of [samples, steps, ...], scaled to one variance: no step looks ahead."""
    summed = np.cumsum(field, axis=1)
    lagged = np.concatenate([np.zeros_like(summed[:, :steps]), summed[:, :-steps]], axis=1)[:, : field.shape[1]]
    known = np.minimum(np.arange(1, field.shape[1] + 1), steps)
    mean: Floats = (summed - lagged) / np.sqrt(known).reshape(-1, *[1] * (field.ndim - 2))
    return mean


def as_dtype(values: Array, dtype: np.dtype[Any]) -> Array:
    """Values as another type: rounded and cut to its range where it holds whole numbers."""
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        # Through float64, because the largest of int64 lies beyond what float32 can cast back.
        limited = np.clip(np.rint(values.astype(np.float64)), float(bounds.min), np.nextafter(float(bounds.max), 0))
        return limited.astype(dtype)
    if dtype.kind == "b":
        return values > 0.5
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def _directions(generator: np.random.Generator, factors: int, channels: int) -> Floats:
    """The mix of channels that shows each factor, [factors, channels]."""
    drawn = generator.normal(size=(factors, channels))
    # Of few channels none may be left out by chance: a factor would be hidden.
    directions: Floats = np.where(drawn < 0, -1.0, 1.0) if channels <= 2 else drawn
    return directions


def _patch(positions: tuple[int, ...], factor: int, factors: int, generator: np.random.Generator) -> Floats:
    """A bump with a texture, somewhere of its own, [positions]."""
    across = max(1, math.ceil(factors ** (1 / len(positions))))
    bump, phase = np.ones(positions), np.zeros(positions)
    for axis, size in enumerate(positions):
        place = np.arange(size).reshape([-1 if other == axis else 1 for other in range(len(positions))])
        cell = (factor // across**axis) % across
        radius = max(0.75, size / (2 * across))
        bump = bump * np.exp(-0.5 * ((place - size * (cell + 0.5) / across + 0.5) / radius) ** 2)
        phase = phase + generator.uniform(-math.pi / 2, math.pi / 2) * place
    textured: Floats = (bump * (1 + np.cos(phase))).ravel()
    return textured / max(float(np.sqrt(np.square(textured).mean())), 1e-12)


def _chunks(count: int, width: int) -> Iterator[slice]:
    size = max(1, _CHUNK // width)
    for start in range(0, count, size):
        yield slice(start, min(count, start + size))
