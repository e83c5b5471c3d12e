"""Describes what a session trains, as far as the graph tells: what defies description is watched all the same."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import tensorflow as tf

from paramedic.describe.tensorflow1 import loss_configs, model_config, optimizer_config
from paramedic.description import initial_description
from paramedic.integrations.tensorflow1.probe import Probe
from paramedic.integrations.tensorflow1.tap import Tap
from paramedic.v1.description_pb2 import Environment, RunDescription, TrainingConfig

_LOG = logging.getLogger("paramedic")
_Part = TypeVar("_Part")


def described(taps: Sequence[Tap], probe: Probe, variables: Sequence[Any]) -> RunDescription:
    """Describes a training before its first step.

    Args:
        taps: Of its optimizers; the model is that of the first.
        probe: Of the first.
        variables: Of the tensor table.
    """
    first = taps[0]
    rows = {variable: row for tap in reversed(taps) for variable, row in zip(tap.variables, tap.table, strict=True)}
    return RunDescription(
        tensors=[rows[variable] for variable in variables],
        model=_known(lambda: model_config(first.network, variables)),
        optimizer=_known(lambda: optimizer_config(first.application)),
        losses=_known(lambda: loss_configs(first.network)),
        environment=_known(environment),
        probed_layers=probe.layers,
    )


def described_data(tap: Tap, probe: Probe, fetched: dict[str, Any]) -> RunDescription | None:
    """Describes the data of the first step.

    Args:
        tap: Of the optimizer that made it.
        probe: That shows the data.
        fetched: What its tensors were.
    """
    told = _known(lambda: probe.data(fetched))
    if told is None:
        return None
    data, size = told
    precision = tf.as_dtype(tap.variables[0].get_attr("dtype")).name
    return RunDescription(data=data, training=TrainingConfig(batch_size=size, precision=precision))


def environment() -> Environment:
    """Describes this process, TensorFlow and the accelerators that it sees."""
    known = initial_description(None).environment
    known.framework = "tensorflow"
    known.framework_version = f"{tf.__version__} (graph)"
    known.devices.extend(device.name for device in tf.config.list_physical_devices() if device.device_type != "CPU")
    return known


def _known(part: Callable[[], _Part]) -> _Part | None:
    try:
        return part()
    except Exception:
        _LOG.debug("a part of the graph could not be described", exc_info=True)
        return None
