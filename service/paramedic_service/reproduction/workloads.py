"""Workloads: trainings that a description cannot express, which the service's operator registers and vouches for.

A workload is a Python function behind an entry point of the group `paramedic.workloads`:

    [project.entry-points."paramedic.workloads"]
    our-trainer = "our_package.training:reproduce"

A request can name it and give it plain arguments, and nothing else. What is registered is known without importing any
of it; only the process that trains loads a workload, one that nothing was imported into before, so that a workload may
set its framework up as it needs it.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, Protocol

import numpy.typing as npt

from paramedic.v1.description_pb2 import RunDescription

GROUP = "paramedic.workloads"

Path = tuple[Sequence[int], npt.ArrayLike]
"""Time steps, and the norm of dL/dh at each of them."""


class Recorder(Protocol):
    """Takes what a workload's training reports; it is judged by the rules that judge any run."""

    def describe(self, description: RunDescription) -> None:
        """Tells what is trained and how: before the first step, and again when more is known."""

    def log(
        self,
        step: int,
        scalars: Mapping[str, float],
        tensors: Mapping[str, npt.ArrayLike] | None = None,
        layers: Mapping[str, npt.ArrayLike] | None = None,
        paths: Mapping[str, Path] | None = None,
    ) -> None:
        """Reports one step.

        Args:
            step: From 1, not decreasing.
            scalars: By signal: "loss", "learning_rate", "accuracy".
            tensors: By signal, one value a tensor of the description's table, in its order: "gradient_norm",
                "weight_norm", "update_norm", "gradient_zero_share".
            layers: By signal, one value a probed layer of the description: "activation_mean" and its like.
            paths: By recurrent layer, the gradient's path through time.
        """

    def score(self, error: float) -> None:
        """Tells the error on held-out samples once the training ended, as `TrainingOutcome.final_error` defines it."""


Workload = Callable[[Mapping[str, Any], int, int, Recorder], None]
"""Trains once: arguments, seed, steps, recorder. What it raises is reported as the training's own error."""


def registered() -> tuple[str, ...]:
    """Names of the workloads that are installed, without importing them."""
    return tuple(sorted(entry_points(group=GROUP).names))


def load(name: str) -> Workload:
    """Imports a workload.

    Raises:
        LookupError: Nothing of that name is installed.
        TypeError: What is registered cannot be called.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        raise LookupError(f"there is no workload {name!r}; installed are: {', '.join(registered()) or 'none'}")
    loaded: Any = next(iter(found)).load()
    if not callable(loaded):
        raise TypeError(f"workload {name!r} is a {type(loaded).__name__}; register a function")
    workload: Workload = loaded
    return workload
