"""What the rows that a recorder writes consist of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from paramedic.describe.keras import array_profiles, tensor_table
from paramedic.integrations.keras.scalars import LEARNING_RATE, LOSS
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


def traced_step(
    model: Any, updated: Sequence[tuple[Any, str]], scales: Sequence[str], scalars: Sequence[str], data: Any
) -> Traced:
    """Describes a train step.

    Args:
        model: The keras.Model that it trains.
        updated: Variables that it updates, each with the name of the optimizer that does.
        scales: Names of the optimizers that scale the loss.
        scalars: Names of its scalar signals.
        data: What it was given; tensors may be symbolic.
    """
    variables, table = tensor_table(model, [variable for variable, _ in updated])
    optimizers = {id(variable): optimizer for variable, optimizer in updated}
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    return Traced(
        scalars=tuple(scalars),
        scales=tuple(scales),
        variables=tuple(variables),
        table=tuple(table),
        scale_of=np.array(
            [scales.index(name) if name in scales else -1 for name in (optimizers[id(each)] for each in variables)],
            np.int64,
        ),
        data=DataProfile(inputs=array_profiles(x), targets=array_profiles(y)),
        weighted=weights is not None,
    )


def recorded(traced: Traced, rows: npt.NDArray[Any]) -> Recorded:
    """Reads the rows of steps.

    Args:
        traced: What they consist of.
        rows: [steps, columns]; gradients are multiplied by the loss scale.
    """
    scalars, scales = len(traced.scalars), len(traced.scales)
    values = rows.astype(np.float64)
    # A last column of ones serves the optimizers that do not scale: they are at position -1.
    scale = np.column_stack([values[:, scalars : scalars + scales], np.ones(len(rows))])[:, traced.scale_of]
    gradient, weight, update = np.split(values[:, scalars + scales :], 3, axis=1)
    with np.errstate(all="ignore"):  # a training that breaks must not be told so by our arithmetic
        gradient = gradient / scale
        named = {"gradient_norm": gradient, "weight_norm": weight, "update_norm": update}
        blocks: Given = {name: (norms.astype(np.float32), None) for name, norms in named.items() if norms.size}
    columns: Given = {name: (values[:, column].copy(), None) for column, name in enumerate(traced.scalars)}
    return Recorded(len(rows), columns, blocks)
