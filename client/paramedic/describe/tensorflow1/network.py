"""What is trained by one application of gradients, read from the graph: layers, losses, inputs, targets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from paramedic.describe.tensorflow1.graph import ancestors, origin, scope_of, shape_of
from paramedic.describe.tensorflow1.layers import Layer, input_shape, layers_of, output_shape
from paramedic.describe.tensorflow1.losses import Loss, losses_of
from paramedic.names import MAX_TENSOR_CHARACTERS
from paramedic.v1.description_pb2 import (
    TENSOR_ROLE_BIAS,
    TENSOR_ROLE_EMBEDDING,
    TENSOR_ROLE_KERNEL,
    TENSOR_ROLE_OFFSET,
    TENSOR_ROLE_RECURRENT_KERNEL,
    TENSOR_ROLE_SCALE,
    TENSOR_ROLE_UNSPECIFIED,
    LayerConfig,
    LossConfig,
    ModelConfig,
    Tensor,
    TensorRole,
)

_RECURRENT = frozenset({"SimpleRNN", "LSTM", "GRU"})
# What only reorders a sequence on its way into a layer.
_ORDERING = frozenset({"Transpose", "Unpack", "Split", "ConcatV2", "ReverseV2"})


@dataclass(frozen=True, slots=True)
class Network:
    """What is known of a network.

    Attributes:
        layers: In forward order.
        losses: That compare its predictions with targets.
        variables: That its layers own, in forward order.
    """

    layers: tuple[Layer, ...] = ()
    losses: tuple[Loss, ...] = ()
    variables: tuple[Any, ...] = field(default=())

    @property
    def inputs(self) -> list[Any]:
        """Tensors that the first layers read."""
        found = {}
        for layer in self.layers:
            reads = layer.cell.sequence if layer.cell is not None else layer.reads
            if not layer.inputs and reads is not None:
                tensor = _as_given(reads)
                found[tensor.name] = tensor
        return list(found.values())

    @property
    def targets(self) -> list[Any]:
        """Tensors that predictions are compared with."""
        return list({loss.targets.name: origin(loss.targets) for loss in self.losses}.values())


def network_of(loss: Any) -> Network:
    """Reads a network.

    Args:
        loss: The scalar that is minimised; None when unknown.
    """
    if loss is None:
        return Network()
    losses = losses_of(loss)
    ends = [each.predictions.op for each in losses] or [loss.op]
    behind = ancestors(ends, control=False)
    layers = layers_of([operation for operation in loss.graph.get_operations() if operation in behind])
    variables = dict.fromkeys(variable for layer in layers for variable in layer.variables)
    return Network(tuple(layers), tuple(losses), tuple(variables))


def model_config(network: Network, variables: Sequence[Any]) -> ModelConfig:
    """Describes layers.

    Args:
        network: They belong to.
        variables: That are trained.
    """
    config = ModelConfig(trainable_parameters=sum(_elements(variable) for variable in variables))
    before = None
    for layer in network.layers:
        told = LayerConfig(
            name=layer.name,
            kind=layer.kind,
            activation=layer.activation,
            input_shape=input_shape(layer),
            output_shape=output_shape(layer),
            parameters=sum(_elements(variable) for variable in layer.variables),
            frozen=bool(layer.variables) and not any(variable in variables for variable in layer.variables),
            inputs=[] if layer.inputs == [before] else layer.inputs,
        )
        if layer.units:
            told.units = layer.units
        config.layers.append(told)
        before = layer.name
    return config


def loss_configs(network: Network) -> list[LossConfig]:
    """Describes losses, one an output."""
    single = len(network.losses) == 1
    return [
        LossConfig(
            output="" if single else scope_of(loss.predictions.op.name) or loss.predictions.op.name,
            name=loss.name,
            from_logits=loss.from_logits,
        )
        for loss in network.losses
    ]


def tensor_table(network: Network, variables: Sequence[Any]) -> tuple[list[Any], list[Tensor]]:
    """Puts variables in forward order and describes them.

    Args:
        network: That they are trained in.
        variables: That are trained; those that no layer owns keep their order, after the others.

    Returns:
        The variables in forward order, and the table, one row each.
    """
    owners = {variable: layer for layer in reversed(network.layers) for variable in layer.variables}
    ordered = [variable for variable in network.variables if variable in variables]
    ordered += [variable for variable in variables if variable not in owners]
    return ordered, [_tensor(variable, owners.get(variable)) for variable in ordered]


def _tensor(variable: Any, layer: Layer | None) -> Tensor:
    shape = shape_of(variable)
    return Tensor(
        name=variable.name[-MAX_TENSOR_CHARACTERS:],
        shape=shape,
        element_count=_elements(variable),
        layer="" if layer is None else layer.name,
        role=TENSOR_ROLE_UNSPECIFIED if layer is None else _role(variable, shape, layer),
    )


def _role(variable: Any, shape: list[int], layer: Layer) -> TensorRole.ValueType:
    if layer.kind == "BatchNormalization":
        scales = variable.name.endswith("gamma")
        return TENSOR_ROLE_SCALE if scales else TENSOR_ROLE_OFFSET
    if len(shape) < 2:
        return TENSOR_ROLE_BIAS
    if layer.kind == "Embedding":
        return TENSOR_ROLE_EMBEDDING
    if layer.kind in _RECURRENT and not (variable.name.endswith("/kernel") and _has_recurrent_kernel(layer)):
        return TENSOR_ROLE_RECURRENT_KERNEL  # inputs and state share one matrix, most of which is the state's
    return TENSOR_ROLE_KERNEL


def _has_recurrent_kernel(layer: Layer) -> bool:
    return any(variable.name.endswith("recurrent_kernel") for variable in layer.variables)


def _elements(variable: Any) -> int:
    return math.prod(tf.TensorShape(variable.get_attr("shape")).as_list()) if shape_of(variable) else 1


def _as_given(tensor: Any) -> Any:
    tensor = origin(tensor)
    while tensor.op.type in _ORDERING and origin(tensor.op.inputs[0]).shape.rank == tensor.shape.rank:
        tensor = origin(tensor.op.inputs[0])
    return tensor
