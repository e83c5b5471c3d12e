"""Curves of several seeds on common steps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paramedic.v1.reproduction_pb2 import Curve, TrainingOutcome

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bundle:
    """One signal of one arm.

    Attributes:
        seeds: Steps and values of each seed, [points] each; values may be NaN or infinite.
        steps: Common steps, [steps].
        median: Over seeds, [steps]; infinite from where most seeds are not finite.
    """

    seeds: tuple[tuple[Floats, Floats], ...]
    steps: Floats
    median: Floats

    @property
    def finite(self) -> Floats:
        """All values that can be drawn."""
        values: Floats = np.concatenate([values for _, values in self.seeds]) if self.seeds else np.empty(0)
        kept: Floats = values[np.isfinite(values)]
        return kept


def bundle(trainings: Sequence[TrainingOutcome], signal: str) -> Bundle:
    """Collects a signal of the whole training over seeds.

    Args:
        trainings: Of one arm.
        signal: "loss", "gradient_norm".
    """
    found = [curve for each in trainings for curve in each.curves if curve.signal == signal and not curve.tensor]
    seeds = tuple(_arrays(curve) for curve in found if len(curve.steps) and len(curve.steps) == len(curve.values))
    if not seeds:
        return Bundle((), np.empty(0), np.empty(0))
    steps = np.unique(np.concatenate([steps for steps, _ in seeds]))
    last = max(steps[-1] for steps, _ in seeds)
    return Bundle(seeds, steps, np.median([_on(steps, *seed, last=last) for seed in seeds], axis=0))


def lost_at(steps: Floats, values: Floats) -> float | None:
    """The first step whose value is not finite; None when all are."""
    lost = ~np.isfinite(values)
    return float(steps[np.argmax(lost)]) if lost.any() else None


def _arrays(curve: Curve) -> tuple[Floats, Floats]:
    return np.array(curve.steps, float), np.array(curve.values, float)


def _on(steps: Floats, own: Floats, values: Floats, last: float) -> Floats:
    """The values on other steps; infinite once they are not finite, or behind the end of one that broke off."""
    lost = lost_at(own, values)
    kept = np.isfinite(values) & (own < (np.inf if lost is None else lost))
    if not kept.any():
        return np.full(len(steps), np.inf)
    end = np.inf if lost is None and own[-1] == last else own[kept][-1]
    return np.where(steps <= end, np.interp(steps, own[kept], values[kept]), np.inf)
