"""How far the weights of data-parallel replicas are apart."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from paramedic_service.rules.telemetry import WEIGHT_NORM, Doubles, Floats, Rows

MAX_BYTES = 16 * 1024 * 1024
"""Of norms of one training that wait for other ranks; the oldest are given up beyond it."""

_NEAR = 0.01  # of the range of norms: replicas so close to each other count as one party

MAX_NAMED = 64
"""Ranks that one comparison names."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far replicas are apart at a step.

    Attributes:
        step: At which.
        tensor: Column of the tensor whose norms differ most.
        difference: Of these norms, over the larger one; 0 where all are equal, infinity where only some are finite.
        ranks: That were compared.
        differing: Those whose norm of this tensor is not that of most, at most 64.
    """

    step: int
    tensor: int
    difference: float
    ranks: int
    differing: tuple[int, ...]


class ReplicaComparison:
    """The weight norms of the replicas of one training, until every replica has told its own."""

    def __init__(self) -> None:
        self._norms: dict[int, dict[int, Floats]] = {}  # by rank, then by step, growing
        self._bytes = 0

    def take(self, rank: int, rows: Rows, ranks: Collection[int]) -> Difference | None:
        """Takes in rows of a rank, and compares the latest step of which every replica has told its norms.

        Replicas that are apart stay apart, so that one step a call is enough.

        Args:
            rank: Whose rows.
            rows: Consecutive ones.
            ranks: Replicas that report now; what others told is forgotten.

        Returns:
            None where there is no such step, or the replicas have other tensors than each other.
        """
        for gone in self._norms.keys() - set(ranks):
            self._drop(gone, tuple(self._norms[gone]))
            del self._norms[gone]
        block = rows.blocks.get(WEIGHT_NORM)
        if block is None or rank not in ranks or len(ranks) < 2:
            return None
        steps = rows.steps if block.rows is None else rows.steps[block.rows]
        own = self._norms.setdefault(rank, {})
        for step, norms in zip(steps.tolist(), block.values, strict=True):
            if step not in own:
                self._bytes += norms.nbytes
            own[step] = norms.copy()  # a view would keep the whole block
        found = next((step for step in reversed(steps.tolist()) if self._complete(step, ranks)), None)
        difference = None if found is None else self._compare(found, sorted(ranks))
        if found is not None:
            for each in self._norms:
                self._drop(each, [step for step in self._norms[each] if step <= found])
        while self._bytes > MAX_BYTES:
            self._drop_oldest()
        return difference

    def _complete(self, step: int, ranks: Collection[int]) -> bool:
        return all(step in self._norms.get(rank, ()) for rank in ranks)

    def _compare(self, step: int, ranks: list[int]) -> Difference | None:
        told = [self._norms[rank][step] for rank in ranks]
        if len({norms.size for norms in told}) > 1 or not told[0].size:
            return None
        norms = np.stack(told).astype(np.float64)
        differences = _differences(norms)
        tensor = int(np.argmax(differences))
        difference = float(differences[tensor])
        differing = _differing(norms[:, tensor]) if difference else []
        return Difference(step, tensor, difference, len(ranks), tuple(ranks[place] for place in differing[:MAX_NAMED]))

    def _drop(self, rank: int, steps: Collection[int]) -> None:
        for step in steps:
            self._bytes -= self._norms[rank].pop(step).nbytes

    def _drop_oldest(self) -> None:
        step = min(next(iter(norms)) for norms in self._norms.values() if norms)
        for rank, norms in self._norms.items():
            if step in norms:
                self._drop(rank, (step,))


def _differences(norms: Doubles) -> Doubles:
    """Relative difference of each tensor's norms, [tensors], from norms [ranks, tensors]."""
    finite = np.isfinite(norms)
    high, low = norms.max(axis=0), norms.min(axis=0)
    with np.errstate(all="ignore"):  # what is not finite is judged below
        differences = np.where(high > 0, (high - low) / high, 0.0)
    alike: Doubles = np.where(finite.all(axis=0), differences, np.where(finite.any(axis=0), np.inf, 0.0))
    return alike


def _differing(norms: Doubles) -> list[int]:
    """Places of the norms of one tensor that are not near that of most; the first one's, where none is that of more."""
    finite = np.isfinite(norms)
    near = finite[:, None] == finite
    if finite.all():
        near = np.abs(norms[:, None] - norms) <= _NEAR * np.ptp(norms)
    usual = int(np.argmax(near.sum(axis=0)))
    return [int(place) for place in np.flatnonzero(~near[usual])]
