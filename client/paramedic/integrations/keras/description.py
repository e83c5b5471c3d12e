"""Describes a fit, as far as it can be described: a model that defies description is monitored all the same."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from paramedic.describe import keras as describe
from paramedic.integrations.keras.recorder import Traced
from paramedic.v1.description_pb2 import RunDescription, TrainingConfig

_LOG = logging.getLogger("paramedic")
_Part = TypeVar("_Part")


class FitDescription:
    """What is known of one fit."""

    def __init__(self, model: Any, params: Mapping[str, Any]) -> None:
        """Reads the arguments of the fit that is calling.

        Args:
            model: The model that is fitted.
            params: What Keras tells its callbacks.
        """
        self._model = model
        self._params = params
        self._arguments = _known(lambda: describe.fit_arguments(model)) or describe.FitArguments()

    def at_begin(self) -> RunDescription:
        """Returns what is known before the train step was traced."""
        model = self._model
        optimizers = list(describe.optimizers_of(model).values())
        return RunDescription(
            model=_known(lambda: describe.model_config(model)),
            optimizer=_known(lambda: describe.optimizer_config(optimizers[0])) if optimizers else None,
            losses=_known(lambda: describe.loss_configs(model)),
            training=self._training(),
            environment=_known(describe.environment),
        )

    def when_traced(self, traced: Traced) -> RunDescription:
        """Returns what tracing the train step added: the tensors, the metrics, the data."""
        training = self._training(traced.metrics, traced.weighted)
        description = RunDescription(tensors=traced.table, training=training, data=traced.data)
        if self._arguments.samples is not None:
            description.data.samples = self._arguments.samples
        return description

    def _training(self, metrics: Sequence[str] = (), weighted: bool = False) -> TrainingConfig | None:
        epochs, steps = self._params.get("epochs"), self._params.get("steps")
        return _known(lambda: describe.training_config(self._model, self._arguments, epochs, steps, metrics, weighted))


def _known(part: Callable[[], _Part]) -> _Part | None:
    try:
        return part()
    except Exception:
        _LOG.debug("a part of the fit could not be described", exc_info=True)
        return None
