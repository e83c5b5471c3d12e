"""What an integration recorded on the device, as `Run.log_rows` takes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from paramedic.run import Run

Given: TypeAlias = dict[str, tuple[Any, Any]]
"""Values by signal, and the rows that they belong to; None: every row."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Steps that were fetched.

    Attributes:
        count: Steps.
        scalars: Numbers [m] by signal name, and their rows.
        blocks: Norms [m, tensors] by signal ("gradient_norm", "weight_norm", "update_norm"), and their rows.
    """

    count: int
    scalars: Given
    blocks: Given = field(default_factory=dict)


@dataclass(slots=True)
class Probed:
    """What was measured after one step; each as one row of `Run.log_rows`.

    Attributes:
        scalars: By signal.
        zero_shares: float32 [tensors]; None when not measured.
        layers: float32 [layers] by signal.
        paths: Time steps and norms by recurrent layer.
    """

    scalars: dict[str, float] = field(default_factory=dict)
    zero_shares: Any = None
    layers: dict[str, Any] = field(default_factory=dict)
    paths: dict[str, tuple[Sequence[int], Any]] = field(default_factory=dict)


def report(run: Run, step: int, times: npt.ArrayLike, recorded: Recorded, probed: Probed | None) -> None:
    """Logs steps that were fetched.

    Args:
        run: Where to.
        step: The last one before them.
        times: When they ended, seconds since the Unix epoch, [count].
        recorded: What they left.
        probed: What was measured after the last of them; None when nothing was.
    """
    steps = step + 1 + np.arange(recorded.count)
    if probed is None:
        run.log_rows(steps, times, recorded.scalars, recorded.blocks)
        return
    last = [recorded.count - 1]
    scalars = recorded.scalars | {name: ([value], last) for name, value in probed.scalars.items()}
    blocks = dict(recorded.blocks)
    if blocks and probed.zero_shares is not None:
        blocks["gradient_zero_share"] = ([probed.zero_shares], last)
    layers = {name: ([values], last) for name, values in probed.layers.items()}
    paths = {name: (places, [norms], last) for name, (places, norms) in probed.paths.items()}
    run.log_rows(steps, times, scalars, blocks, layers, paths)
