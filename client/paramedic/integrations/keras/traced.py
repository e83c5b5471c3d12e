"""What the rows that a recorder writes consist of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from paramedic.describe.keras import array_profiles, tensor_table
from paramedic.integrations.keras.measured import LEARNING_RATE, LOSS, Measured
from paramedic.integrations.recorded import Given, Recorded
from paramedic.v1.description_pb2 import DataProfile, Tensor


@dataclass(frozen=True, slots=True)
class Traced:
    """What is known of a train step once it was traced for the first time.

    Attributes:
        scalars: Names of the scalar signals, in the order of the columns.
        scales: Optimizers that scale the loss; their scales are the columns that follow.
        variables: Variables that optimizers update, in forward order; three columns each follow, signal by signal.
        table: The same variables, described.
        scale_of: For each variable, the position of its optimizer in scales; -1 for one that does not scale.
        data: Inputs and targets of the step.
        weighted: Whether the step was given weights of samples, which is also what Keras makes of weights of classes.
    """

    scalars: tuple[str, ...]
    scales: tuple[str, ...]
    variables: tuple[Any, ...]
    table: tuple[Tensor, ...]
    scale_of: npt.NDArray[np.int64]
    data: DataProfile
    weighted: bool

    @property
    def metrics(self) -> list[str]:
        """Names of what is reported beside the loss and the learning rates."""
        return [name for name in self.scalars if name != LOSS and not name.startswith(LEARNING_RATE)]


def traced_step(model: Any, measured: Measured, scalars: tuple[str, ...], data: Any) -> Traced:
    """Describes a train step.

    Args:
        model: The keras.Model that it trains.
        measured: What was measured in it; its tensors may be symbolic.
        scalars: Names of its scalar signals.
        data: What it was given.
    """
    updated = [tensor.variable for tensor in measured.tensors.values()]
    variables, table = tensor_table(model, updated)
    scales = tuple(measured.loss_scales)
    optimizers = [measured.tensors[id(variable)].optimizer for variable in variables]
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    return Traced(
        scalars=scalars,
        scales=scales,
        variables=tuple(variables),
        table=tuple(table),
        scale_of=np.array([scales.index(name) if name in scales else -1 for name in optimizers], np.int64),
        data=DataProfile(inputs=array_profiles(x), targets=array_profiles(y)),
        weighted=weights is not None,
    )


def columns(traced: Traced, measured: Measured, scalars: Mapping[str, Any]) -> list[Any]:
    """Returns what a step's row consists of, number by number; NaN for what this step does not have.

    Args:
        traced: What the rows consist of.
        measured: Of the step.
        scalars: Its scalar signals.
    """
    tensors = [measured.tensors.get(id(variable)) for variable in traced.variables]
    return [
        *(scalars.get(name, np.nan) for name in traced.scalars),
        *(measured.loss_scales.get(name, np.nan) for name in traced.scales),
        *(np.nan if tensor is None else tensor.gradient for tensor in tensors),
        *(np.nan if tensor is None else tensor.weight for tensor in tensors),
        *(np.nan if tensor is None else tensor.update for tensor in tensors),
    ]


def recorded(traced: Traced, rows: npt.NDArray[np.float32]) -> Recorded:
    """Reads the rows of steps.

    Args:
        traced: What they consist of.
        rows: float32 [steps, columns]; norms stand in them as half their squares.
    """
    scalars, scales = len(traced.scalars), len(traced.scales)
    values = rows.astype(np.float64)
    # A last column of ones serves the optimizers that do not scale: they are at position -1.
    scale = np.column_stack([values[:, scalars : scalars + scales], np.ones(len(rows))])[:, traced.scale_of]
    with np.errstate(all="ignore"):  # a training that breaks must not be told so by our arithmetic
        gradient, weight, update = np.split(np.sqrt(2 * values[:, scalars + scales :]), 3, axis=1)
        gradient = (gradient / scale).astype(np.float32)
    blocks: Given = {}
    if gradient.size:
        blocks["gradient_norm"] = (gradient, None)
        blocks["weight_norm"] = (weight.astype(np.float32), None)
        blocks["update_norm"] = (update.astype(np.float32), None)
    columns: Given = {name: (values[:, column].copy(), None) for column, name in enumerate(traced.scalars)}
    return Recorded(len(rows), columns, blocks)
