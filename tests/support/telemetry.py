"""Synthetic telemetry: healthy series, faults planted into them, and any way of cutting them into batches."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from paramedic_service.rules.description import Description, Tensor
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Finding
from paramedic_service.rules.telemetry import Block, Column, Rows

TENSORS = (
    Tensor("first/kernel", 400, "first", "kernel"),
    Tensor("first/bias", 20, "first", "bias"),
    Tensor("middle/kernel", 400, "middle", "kernel"),
    Tensor("last/kernel", 200, "last", "kernel"),
    Tensor("last/bias", 10, "last", "bias"),
)


def healthy_loss(steps: int, seed: int = 0, start: float = 2.3, end: float = 0.2) -> np.ndarray:
    """A loss that falls exponentially with the noise of small batches; float64 [steps]."""
    rng = np.random.default_rng(seed)
    curve = end + (start - end) * np.exp(-np.arange(steps) / 150)
    return curve * np.exp(rng.normal(0, 0.1, steps))


def healthy_norms(steps: int, seed: int = 0, scale: float = 0.3) -> np.ndarray:
    """Log-normal gradient norms; float32 [steps, tensors]."""
    rng = np.random.default_rng(seed + 1)
    return (scale * np.exp(rng.normal(0, 0.3, (steps, len(TENSORS))))).astype(np.float32)


def rows_of(
    loss: np.ndarray | None,
    norms: np.ndarray | None,
    start: int = 0,
    stop: int | None = None,
    loss_every: int = 1,
    norms_every: int = 1,
) -> Rows:
    """Rows [start, stop) of a run that logs its loss and its norms every so many rows."""
    length = len(loss) if loss is not None else len(norms)
    stop = length if stop is None else stop
    index = np.arange(start, stop)
    scalars, blocks = {}, {}
    if loss is not None:
        picked = index[index % loss_every == 0]
        if len(picked):
            scalars["loss"] = Column(loss[picked].astype(np.float64), None if loss_every == 1 else picked - start)
    if norms is not None:
        picked = index[index % norms_every == 0]
        if len(picked):
            blocks["gradient_norm"] = Block(norms[picked], None if norms_every == 1 else picked - start)
    return Rows(index.astype(np.int64), index * 0.25, scalars, blocks)


def diagnose(
    loss: np.ndarray | None,
    norms: np.ndarray | None,
    cuts: Sequence[int] = (),
    description: Description | None = None,
    loss_every: int = 1,
    norms_every: int = 1,
) -> tuple[Diagnosis, list[Finding]]:
    """Diagnoses a whole run whose rows arrive in batches that end at the cuts."""
    diagnosis = Diagnosis()
    diagnosis.describe(description or Description(TENSORS))
    length = len(loss) if loss is not None else len(norms)
    found: list[Finding] = []
    for start, stop in spans(length, cuts):
        found += diagnosis.observe(rows_of(loss, norms, start, stop, loss_every, norms_every))
    return diagnosis, found


def spans(length: int, cuts: Iterable[int]) -> list[tuple[int, int]]:
    """The batches that cuts make of so many rows."""
    edges = sorted({0, length, *(cut for cut in cuts if 0 < cut < length)})
    return list(pairwise(edges))


def opened(found: Iterable[Finding]) -> set[str]:
    """Ids of the rules that opened a finding."""
    return {finding.rule for finding in found}
