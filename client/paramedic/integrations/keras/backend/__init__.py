"""What depends on the framework that Keras runs on; each package in here knows one of them."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import keras

from paramedic.integrations.keras.recorder import Recorder
from paramedic.integrations.keras.traced import Traced


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
