"""Describes a training, as far as it can be described: what cannot be is monitored all the same."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from paramedic.describe.data import array_profile
from paramedic.describe.jax.environment import environment
from paramedic.describe.jax.functions import UNKNOWN
from paramedic.describe.jax.model import model_config, tensor_table
from paramedic.describe.jax.optimizers import OptaxConfig
from paramedic.describe.jax.tensors import paths
from paramedic.describe.jax.traced import TracedLoss
from paramedic.v1.description_pb2 import DataProfile, LossConfig, RunDescription, Tensor, TrainingConfig

_LOG = logging.getLogger("paramedic")
_Part = TypeVar("_Part")


class Described:
    """What is known of a training before its first step.

    Attributes:
        traced: Its loss function; None where that could not be traced.
        optimizer: Its optimizer, as far as it can be read; None where it was not given.
        order: Among the parameters that are trained, the place of each row of the tensor table.
        description: All of it, as it is reported.
    """

    def __init__(
        self, loss_fn: Callable[..., Any], params: Any, arguments: Sequence[Any], optimizer: Any, loss: str | None
    ) -> None:
        """Looks at the training.

        Args:
            loss_fn: As for `watch`.
            params: The parameters.
            arguments: The others of the loss function, as the first step is given them.
            optimizer: An optax.GradientTransformation, or None.
            loss: What is minimised, where the author says so.
        """
        self.traced = known(lambda: TracedLoss(loss_fn, params, arguments))
        self.optimizer = None if optimizer is None else known(lambda: OptaxConfig(optimizer))
        self.order, table = self._table(params)
        self.description = RunDescription(
            tensors=table,
            model=known(lambda: self._model(params)),
            optimizer=None if self.optimizer is None else known(self.optimizer.config),
            losses=self._losses(loss),
            data=known(lambda: self._data(arguments)),
            environment=known(environment),
        )
        self.description.training.CopyFrom(self._training(params))

    def _table(self, params: Any) -> tuple[list[int], list[Tensor]]:
        names = paths(params)
        table = known(lambda: tensor_table(self.traced, params, names))
        return tensor_table(None, params, names) if table is None else table

    def _model(self, params: Any) -> Any:
        if self.traced is None:
            return None
        traced = self.traced
        known(lambda: traced.recognise_loss([leaf for leaf in jax.tree.leaves(params) if hasattr(leaf, "dtype")]))
        config = model_config(traced, params)
        recognised = sum(layer.parameters for layer in config.layers)
        unknown = any(layer.kind in ("Lambda", "RNN") or layer.activation == UNKNOWN for layer in config.layers)
        config.opaque = unknown or recognised < config.trainable_parameters
        return config

    def _losses(self, said: str | None) -> list[LossConfig]:
        found = None if self.traced is None else self.traced.loss
        if said is not None:
            same = found is not None and found.name == said
            return [LossConfig(name=said, from_logits=found.from_logits if same and found is not None else None)]
        return [] if found is None else [LossConfig(name=found.name, from_logits=found.from_logits)]

    def _training(self, params: Any) -> TrainingConfig:
        dtypes = {str(leaf.dtype) for leaf in jax.tree.leaves(params) if _is_floating(leaf)}
        return TrainingConfig(
            batch_size=self._batch_size,
            precision=dtypes.pop() if len(dtypes) == 1 else "",
            custom_step=self.traced is None or self.traced.loss is None,
        )

    @property
    def _batch_size(self) -> int | None:
        return None if self.traced is None else self.traced.batch_size

    def _data(self, arguments: Sequence[Any]) -> DataProfile | None:
        """Describes the first batch: what the layers read, and what the loss reads besides."""
        traced = self.traced
        if traced is None:
            return None
        named = [
            ("/".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path), leaf)
            for path, leaf in jax.tree_util.tree_flatten_with_path(tuple(arguments))[0]
            if hasattr(leaf, "shape") and hasattr(leaf, "dtype")
        ]

        def profiles(places: Sequence[int], labels: bool) -> list[Any]:
            only = len(places) == 1
            return [
                array_profile(_host(named[place][1]), "" if only else named[place][0], labels=labels)
                for place in places
            ]

        return DataProfile(inputs=profiles(traced.inputs, False), targets=profiles(traced.targets, True))


def known(part: Callable[[], _Part]) -> _Part | None:
    """What a part of the description says; None where it fails."""
    try:
        return part()
    except Exception:
        _LOG.debug("a part of the training could not be described", exc_info=True)
        return None


def _is_floating(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and bool(jnp.issubdtype(leaf.dtype, np.floating))


def _host(leaf: Any) -> Any:
    """What this process has of an array, as numpy; in float32 where numpy knows its dtype by name only."""
    if isinstance(leaf, jax.Array):
        leaf = leaf if leaf.is_fully_addressable else leaf.addressable_data(0)
        if jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.dtype not in (np.float16, np.float32, np.float64):
            leaf = leaf.astype(jnp.float32)
    return np.asarray(leaf)
