"""Optax optimizers in neutral terms.

An optimizer of Optax is a pair of functions, and keeps its settings in their closures: these are read where they are
found, and what is not found is not said.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import OptimizerConfig

# How each optimizer scales gradients, by the name of the transformation.
_NAMES = {
    "scale_by_adam": "adam",
    "scale_by_amsgrad": "adam",
    "scale_by_adamax": "adamax",
    "scale_by_rms": "rmsprop",
    "scale_by_stddev": "rmsprop",
    "scale_by_rss": "adagrad",
    "scale_by_adadelta": "adadelta",
    "scale_by_lion": "lion",
    "scale_by_novograd": "novograd",
    "scale_by_radam": "radam",
    "scale_by_yogi": "yogi",
    "scale_by_belief": "adabelief",
    "scale_by_sm3": "sm3",
}
_SETTINGS = {
    ("scale_by_adam", "b1"): "beta_1",
    ("scale_by_adam", "b2"): "beta_2",
    ("scale_by_adam", "eps"): "epsilon",
    ("scale_by_adam", "nesterov"): "nesterov",
    ("scale_by_rms", "decay"): "rho",
    ("scale_by_rms", "eps"): "epsilon",
    ("trace", "decay"): "momentum",
    ("trace", "nesterov"): "nesterov",
    ("add_decayed_weights", "weight_decay"): "weight_decay",
}
# What a plain descent may consist of; with anything else among it, it is not called one.
_PLAIN = """
    add_decayed_weights chain clip clip_by_global_norm identity init_empty_state scale scale_by_learning_rate
    scale_by_schedule trace with_extra_args_support
"""
_OF_SGD = frozenset(_PLAIN.split())
_MAX_DEPTH = 12


class OptaxConfig:
    """What the closures of an optimizer tell.

    Attributes:
        learning_rate: A number, or a function of the number of updates before; None when unknown.
    """

    def __init__(self, optimizer: Any) -> None:
        """Reads an optimizer.

        Args:
            optimizer: An optax.GradientTransformation.
        """
        found = list(_transformations(optimizer.update, _MAX_DEPTH))
        self._parts = dict(found)
        self.learning_rate: float | Callable[[Any], Any] | None = None
        step_size = self._parts.get("scale", {}).get("step_size")
        schedule = self._parts.get("scale_by_schedule", {}).get("step_size_fn")
        if sum(part in ("scale", "scale_by_schedule") for part, _ in found) > 1:
            return  # which of them is the rate?
        if isinstance(step_size, int | float):
            self.learning_rate = -float(step_size)
        elif callable(schedule):
            self.learning_rate = lambda count: -schedule(count)

    def config(self) -> OptimizerConfig | None:
        """Describes the optimizer; None when it is none of those that are known."""
        injected = getattr(self._parts.get("inject_hyperparams", {}).get("inner_factory"), "__name__", "")
        known = [_NAMES.get(part, "") for part in self._parts if part.startswith("scale_by_") and part not in _OF_SGD]
        plain = bool(self._parts.keys() & {"scale", "scale_by_schedule"}) and self._parts.keys() <= _OF_SGD
        name = known[0] if len(known) == 1 else "sgd" if plain else injected
        if not name:
            return None
        decayed = "add_decayed_weights" in self._parts
        config = OptimizerConfig(
            name="adamw" if name == "adam" and decayed else name,
            clipvalue=self._number("clip", "max_delta"),
            global_clipnorm=self._number("clip_by_global_norm", "max_norm"),
            settings=settings(self._settings()),
        )
        if isinstance(self.learning_rate, float):
            config.learning_rate = self.learning_rate
        elif self.learning_rate is not None:
            config.learning_rate = float(self.learning_rate(0))
            config.schedule = _schedule_name(self._parts["scale_by_schedule"]["step_size_fn"])
        return config

    def _number(self, part: str, setting: str) -> float | None:
        value = self._parts.get(part, {}).get(setting)
        return float(value) if isinstance(value, int | float) else None

    def _settings(self) -> dict[str, Any]:
        return {
            said: value
            for (part, name), said in _SETTINGS.items()
            if isinstance(value := self._parts.get(part, {}).get(name), bool | int | float)
        }


def _transformations(update: Any, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the transformations that an update consists of, with what their closures hold."""
    name = str(getattr(update, "__qualname__", "")).partition(".")[0]
    if not inspect.isfunction(update) or not depth or not update.__module__.startswith("optax"):
        return
    held = dict(inspect.getclosurevars(update).nonlocals)
    yield name, held
    for key, value in held.items():
        if key == "step_size_fn":
            continue  # a schedule, which is no transformation
        inner = getattr(value, "update", value)  # an optimizer is a pair, of which the other half is how it begins
        for each in inner if isinstance(inner, list | tuple) else (inner,):
            yield from _transformations(getattr(each, "update", each), depth - 1)


def _schedule_name(schedule: Any) -> str:
    """The name under which a schedule was made: "cosine_decay_schedule"."""
    held = inspect.getclosurevars(schedule).nonlocals if inspect.isfunction(schedule) else {}
    inner = next((value for value in held.values() if inspect.isfunction(value)), schedule)
    return str(getattr(inner, "__qualname__", "schedule")).partition(".")[0]
