"""Samples made up from a reported profile: factors first, then what shows them and what is read off them."""

import math

import numpy as np

from paramedic_service.reproduction.data import defects
from paramedic_service.reproduction.data.layout import Layout, layout_of, sample_shape
from paramedic_service.reproduction.data.profiles import dtype_of, marginals_of, words_of
from paramedic_service.reproduction.data.rendering import as_dtype, recent, render, smooth
from paramedic_service.reproduction.data.samples import Array, DataError, Floats, Samples
from paramedic_service.reproduction.data.targets import Target, target_of
from paramedic_service.reproduction.data.teacher import Teacher
from paramedic_service.reproduction.data.tokens import speak
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.rules.description import ArrayProfile, Data, Model

USUAL_SAMPLES = 2_000
"""Samples where nobody reported how many there are, as with generators."""

ENOUGH_SAMPLES = 8_192
"""Samples that are made at most unless more are asked for: a reproduction has few steps to meet them in."""

MOST_VALUES = 16_000_000
"""Numbers of all inputs and targets together."""

_HELD = 0.25
_LEAST_HELD, _MOST_HELD = 128, 2_048
_LEAST_FACTORS, _MOST_FACTORS = 4, 8
_COURSES = 2
_SAME = 1e-3


def synthesise(
    data: Data, model: Model | None, samples: int, generator: np.random.Generator, limits: Limits
) -> Samples:
    """Makes samples up.

    Args:
        data: The profile.
        model: As reported; None when unknown.
        samples: How many are asked for to train on; 0: as many as the profile says, within bounds.
        generator: For everything that is random.
        limits: On samples, on the size of one of them, and on memory.

    Raises:
        DataError: The profile has no inputs or targets, or a sample is larger than allowed.
    """
    if not data.inputs or not data.targets:
        raise DataError("description.data: it needs inputs and targets to make samples from")
    layouts = [
        layout_of(profile, model, limits, f"description.data.inputs[{place}]")
        for place, profile in enumerate(data.inputs)
    ]
    positions = layouts[0].positions if _answers_everywhere(model, layouts[0]) else ()
    targets = [
        target_of(profile, sample_shape(profile, limits, f"description.data.targets[{place}]"), positions)
        for place, profile in enumerate(data.targets)
    ]
    return _Making(data, layouts, targets, samples, generator, limits).samples()


class _Making:
    """One synthesis."""

    def __init__(
        self,
        data: Data,
        layouts: list[Layout],
        targets: list[Target],
        samples: int,
        generator: np.random.Generator,
        limits: Limits,
    ) -> None:
        shapes = [layout.shape for layout in layouts] + [target.shape for target in targets]
        self._data, self._layouts, self._targets, self._generator = data, layouts, targets, generator
        self._positions = next((target.positions for target in targets if target.positions), ())
        # Where factors change from place to place they take more room than what shows them.
        hidden = 2 * _MOST_FACTORS * math.prod(self._positions) if self._positions else 0
        self._count, self._held = _counts(data, samples, hidden + sum(map(math.prod, shapes)), limits)
        self._teacher = Teacher(generator, _factors(layouts, targets, everywhere=bool(self._positions)))

    def samples(self) -> Samples:
        """Draws inputs and targets; values are missing from the training samples alone."""
        labelled, labels = self._labels()
        factors = self._factors(labelled, labels)
        inputs, seen = self._inputs(factors)
        if len(self._positions) == 1:
            seen = recent(seen, max(2, seen.shape[1] // 4))
        targets = [
            target.written(labels) if target is labelled else self._target(target, inputs, seen)
            for target in self._targets
        ]
        for profile, array in zip((*self._data.inputs, *self._data.targets), (*inputs, *targets), strict=True):
            defects.lose(array[: self._count], profile, self._generator)
        return Samples(
            tuple(array[: self._count] for array in inputs),
            tuple(array[: self._count] for array in targets),
            tuple(array[self._count :] for array in inputs),
            tuple(array[self._count :] for array in targets),
        )

    def _labels(self) -> tuple[Target | None, Array]:
        """The target that samples are drawn around, and its labels; None where there is no such target."""
        labelled = next((target for target in self._targets if target.single_label), None)
        if self._positions or labelled is None:
            return None, np.zeros(0)
        # Held-out samples tell how well every class is known, however rare it is in the training.
        train = labelled.labels(self._count, self._generator)
        held = labelled.labels(self._held, self._generator, balanced=True)
        return labelled, np.concatenate([train, held])

    def _factors(self, labelled: Target | None, labels: Array) -> Floats:
        """Hidden factors, [samples, factors]; [samples, *positions, factors] where every position has a target."""
        count, width = self._count + self._held, self._teacher.factors
        if self._positions:
            return smooth(width, count, self._positions, self._generator)
        if labelled is not None:
            return self._teacher.around(labels, self._teacher.centres(len(labelled.classes)))
        return self._generator.normal(size=(count, width))

    def _inputs(self, factors: Floats) -> tuple[list[Array], Floats]:
        """The inputs, and the factors as they can be seen in the first one: each word says its own."""
        drawn: list[Array] = []
        seen = factors
        for profile, layout in zip(self._data.inputs, self._layouts, strict=True):
            fitting = factors if layout.positions == self._positions else _overall(factors)
            if layout.kind == "tokens":
                ids, meanings = speak(layout, fitting, words_of(profile), self._generator)
                seen = meanings if self._positions and not drawn else seen
                array = as_dtype(ids.reshape(len(ids), *layout.shape), dtype_of(profile))
            else:
                array = render(layout, fitting, marginals_of(profile), dtype_of(profile), self._generator)
            drawn.append(defects.shortened(array, profile, self._generator))
        return drawn, seen

    def _target(self, target: Target, inputs: list[Array], factors: Floats) -> Array:
        for source, array in zip(self._data.inputs, inputs, strict=True):
            if _is_copy(target.profile, source):
                return as_dtype(array, dtype_of(target.profile)).copy()
        return target.taught(self._teacher, factors if target.positions else _overall(factors), self._generator)


def _answers_everywhere(model: Model | None, layout: Layout) -> bool:
    """Whether the model has an output for each step or pixel, as far as its shape tells."""
    shape = model.layers[-1].output_shape if model is not None and model.layers else ()
    return not shape or len(shape) == len(layout.positions) + 2


def _is_copy(target: ArrayProfile, source: ArrayProfile) -> bool:
    """Whether a target is one of the inputs again, as with autoencoders."""
    if target.encoding in ("integer", "one_hot") or target.shape != source.shape or len(target.shape) < 2:
        return False
    pairs = [(getattr(target, name), getattr(source, name)) for name in ("mean", "deviation", "lowest", "highest")]
    scale = source.deviation or 1.0
    return all(None not in pair and abs(pair[0] - pair[1]) <= _SAME * scale for pair in pairs)


def _overall(factors: Floats) -> Floats:
    """Factors as one value a sample, [samples, factors], each with a variance of 1."""
    if factors.ndim == 2:
        return factors
    flat = factors.reshape(len(factors), -1, factors.shape[-1]).mean(1)
    overall: Floats = flat / np.maximum(flat.std(0), 1e-12)
    return overall


def _counts(data: Data, samples: int, values: int, limits: Limits) -> tuple[int, int]:
    """Training and held-out samples, for so many values a sample."""
    wanted = samples or min(data.samples or USUAL_SAMPLES, ENOUGH_SAMPLES)
    # Drawing takes some times as much memory as the samples do, and the model needs the greater part of it.
    room = min(MOST_VALUES // values, limits.memory_bytes // (32 * values), limits.samples)
    held = min(max(_LEAST_HELD, round(_HELD * wanted)), _MOST_HELD)
    if wanted + held > room:
        held = min(held, max(1, room // 4))
    return max(1, min(wanted, room - held)), held


def _factors(layouts: list[Layout], targets: list[Target], *, everywhere: bool) -> int:
    """How many factors there are: not more than the inputs can show, at each position where each has a target."""
    shown = [
        layout.channels
        if everywhere and layout.kind != "tokens"
        else min(_COURSES if layout.narrow else _MOST_FACTORS, math.prod(layout.axes))
        for layout in layouts
    ]
    classes = max(len(target.classes) for target in targets)
    return max(1, min(*shown, max(_LEAST_FACTORS, classes)))
