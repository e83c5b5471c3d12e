"""Describes a fit, as far as it can be described: a model that defies description is monitored all the same."""

import logging
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import keras

from paramedic.describe import keras as describe
from paramedic.describe.data import data_profile
from paramedic.integrations.keras.traced import Traced
from paramedic.v1.description_pb2 import DataProfile, RunDescription, TrainingConfig

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
        self.arguments = _known(lambda: describe.fit_arguments(model)) or describe.FitArguments()
        self._data = self._arrays_profile()

    def at_begin(self) -> RunDescription:
        """Returns what is known before the train step was traced."""
        model = self._model
        optimizers = list(describe.optimizers_of(model).values())
        return RunDescription(
            model=_known(lambda: describe.model_config(model)),
            optimizer=_known(lambda: describe.optimizer_config(optimizers[0])) if optimizers else None,
            losses=_known(lambda: describe.loss_configs(model)),
            training=self._training(),
            data=self._data,
            environment=_known(describe.environment),
        )

    def when_traced(self, traced: Traced) -> RunDescription:
        """Returns what tracing the train step added: the tensors, the metrics, the data."""
        training = self._training(traced.metrics, traced.weighted)
        return RunDescription(tensors=traced.table, training=training, data=self._with_shapes(traced.data))

    def when_seen(self, x: Any, y: Any) -> RunDescription | None:
        """Returns what samples of the first batch tell of data that can only be iterated over."""
        seen = _known(lambda: data_profile(x, y))
        if seen is None or self._data is None:
            return None
        seen.ClearField("samples")
        return RunDescription(data=_with_statistics(self._data, seen))

    def _arrays_profile(self) -> DataProfile | None:
        """Describes the data, as far as it need not be iterated over."""
        given, first = self.arguments.arrays, self.arguments.first_batch
        if given is not None:
            return _known(lambda: _profiles.of(given[0], given[1]))
        profile = None if first is None else _known(lambda: data_profile(first[0], first[1]))
        if profile is not None:
            profile.ClearField("samples")  # it has those of one batch
        return profile

    def _with_shapes(self, traced: DataProfile) -> DataProfile:
        """Adds what tracing tells: the names under which the model is given its inputs, and shapes of what has none."""
        if self.arguments.samples is not None:
            traced.samples = self.arguments.samples
        self._data = traced if self._data is None else _with_statistics(traced, self._data)
        return self._data

    def _training(self, metrics: Sequence[str] = (), weighted: bool = False) -> TrainingConfig | None:
        epochs, steps = self._params.get("epochs"), self._params.get("steps")
        return _known(lambda: describe.training_config(self._model, self.arguments, epochs, steps, metrics, weighted))


class _Profiles:
    """The profile of the arrays that were described last: fits in a row often have the same ones."""

    def __init__(self) -> None:
        self._arrays: list[Any] = []
        self._profile = DataProfile()

    def of(self, x: Any, y: Any) -> DataProfile:
        """Returns the profile of arrays."""
        leaves = keras.tree.flatten((x, y))
        known = [reference() for reference in self._arrays]
        if len(known) != len(leaves) or any(a is not b or a is None for a, b in zip(known, leaves, strict=True)):
            self._arrays = []
            began = time.perf_counter()
            self._profile = data_profile(x, y)
            _LOG.debug("describing the data took %.3f s", time.perf_counter() - began)
            self._arrays = [weakref.ref(leaf) for leaf in leaves if leaf is not None]
        profile = DataProfile()
        profile.CopyFrom(self._profile)
        return profile


_profiles = _Profiles()


def _with_statistics(shapes: DataProfile, statistics: DataProfile) -> DataProfile:
    """Joins what is known of the same arrays from two sides, where they are as many."""
    joined = DataProfile()
    joined.CopyFrom(shapes)
    for known, told in ((joined.inputs, statistics.inputs), (joined.targets, statistics.targets)):
        if len(known) != len(told):
            continue
        for mine, theirs in zip(known, told, strict=True):
            name, shape = mine.name, list(mine.shape)
            mine.CopyFrom(theirs)
            mine.name = name or mine.name
            if len(shape) > len(mine.shape):
                mine.shape[:] = shape
    return joined


def _known(part: Callable[[], _Part]) -> _Part | None:
    try:
        with describe.without_tensorflow():
            return part()
    except Exception:
        _LOG.debug("a part of the fit could not be described", exc_info=True)
        return None
