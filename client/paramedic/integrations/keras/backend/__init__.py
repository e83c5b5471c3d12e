"""What depends on the framework that Keras runs on; each package in here knows one of them."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import keras

from paramedic.integrations.keras.traced import Traced
from paramedic.integrations.recorded import Recorded


class Recorder(Protocol):
    """A model's train function that records every step, as the model is compiled now.

    Attributes:
        model: The model.
        plain: Its own train function.
        traced: What is known of the train step; None before it was called.
    """

    model: Any
    plain: Any
    traced: Traced | None

    def serves(self, model: Any) -> bool:
        """Whether it was built for this model as it is compiled now."""

    def run(self, *arguments: Any) -> Any:
        """Runs what the model's own train function would, and records it."""

    def fetch(self) -> Recorded | None:
        """Returns the steps since the last fetch; None when there were none."""

    def first_batch(self) -> Any:
        """Returns samples of the first batch as the step was given them, numpy; None when there are none."""

    def probed(self, batch: Any) -> Any:
        """Returns what a probe of the model takes: a batch, and weights where they are not in the model's variables."""


class ProbedModel(Protocol):
    """What is measured of a model on a few samples; each kind is a function of theirs.

    Attributes:
        layers: Names of the layers whose activations are measured; known once one of them was called.
    """

    layers: list[str]
    activations: Callable[..., dict[str, Any]]
    everything: Callable[..., dict[str, Any]]
    without_paths: Callable[..., dict[str, Any]]
    noise: Callable[..., dict[str, Any]]


class Backend(Protocol):
    """One framework.

    Attributes:
        DATA_ENDED: How a train function says that an epoch is over.
    """

    DATA_ENDED: tuple[type[Exception], ...]

    def Recorder(  # noqa: N802 - a class
        self,
        model: Any,
        capacity: int,
        on_traced: Callable[[Traced], None],
        on_problem: Callable[[Exception], None],
        keeps_batch: bool,
    ) -> Recorder:
        """Builds a recorder."""

    def ProbedModel(self, model: Any, variables: Sequence[Any]) -> ProbedModel:  # noqa: N802 - a class
        """Looks for what can be measured of a model."""

    def harmless(self, model: Any, function: Callable[..., Any], argument: Any) -> Callable[..., Any]:
        """Compiles a function of a model, to be called with other arguments of that kind, where it changes nothing."""

    def replicas(self, model: Any) -> int:
        """Returns over how many replicas that cannot be read in one place a model is trained; 1 for none."""


backend = cast(Backend, importlib.import_module(f"{__name__}.{keras.backend.backend()}"))
"""The one that Keras runs on."""
