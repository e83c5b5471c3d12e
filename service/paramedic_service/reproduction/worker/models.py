"""Models of arms, as a seed begins them."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import tensorflow as tf

from paramedic.describe.keras import tensor_table
from paramedic.v1.description_pb2 import Tensor
from paramedic_service.reproduction.plan import LossPlan, ModelPlan
from paramedic_service.reproduction.worker.build import build
from paramedic_service.reproduction.worker.layout import Layout
from paramedic_service.reproduction.worker.losses import keras_loss

# Keras draws the seeds of initialisers from Python's own random numbers, of which a process has one set.
_seeding = threading.Lock()


class Template(NamedTuple):
    """A model that stands for all arms with the same plan of it.

    Attributes:
        model: A keras.Model, built and compiled with its losses.
        variables: Its trainable variables, in the order of the table.
        table: Describes them.
        layout: Of them.
        tracing: Held while a graph is made of the model: calls of its layers may be replaced meanwhile.
    """

    model: Any
    variables: tuple[Any, ...]
    table: tuple[Tensor, ...]
    layout: Layout
    tracing: AbstractContextManager[Any]

    @property
    def output_shapes(self) -> list[tuple[int | None, ...]]:
        """Of the model, with the batch dimension."""
        return [tuple(output.shape) for output in self.model.outputs]


class Beginning(NamedTuple):
    """What a training begins with.

    Attributes:
        weights: Trainable tensors, float32 [parameters].
        others: Everything else that the model keeps, in the order of its non-trainable variables.
    """

    weights: Any
    others: tuple[Any, ...]


def template_of(plan: ModelPlan, losses: Sequence[LossPlan], seed: int) -> Template:
    """Builds a model.

    Args:
        plan: Of it.
        losses: One an output.
        seed: Of its weights; a layer that two models have in common begins the same way in both.
    """
    with _seeding:
        model = build(plan, seed)
    made = [keras_loss(loss) for loss in losses]
    if len(made) == 1:
        model.compile(optimizer="sgd", loss=made[0], loss_weights=_weight(losses[0]))
    else:
        model.compile(optimizer="sgd", loss=made, loss_weights=[loss.weight for loss in losses])
    variables, table = tensor_table(model, model.trainable_variables)
    return Template(model, tuple(variables), tuple(table), Layout(variables), threading.Lock())


def beginning_of(template: Template) -> Beginning:
    """What the weights of a model are now."""
    others = tuple(tf.convert_to_tensor(variable.value) for variable in template.model.non_trainable_variables)
    return Beginning(template.layout.join([variable.value for variable in template.variables]), others)


def _weight(loss: LossPlan) -> float | None:
    return None if loss.weight == 1 else loss.weight
