"""Describes a program of TensorFlow 1 in neutral terms."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.struct_pb2 import Struct

from paramedic.describe.data import data_profile
from paramedic.v1.description_pb2 import (
    TENSOR_ROLE_BIAS,
    TENSOR_ROLE_KERNEL,
    TENSOR_ROLE_RECURRENT_KERNEL,
    Environment,
    LayerConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunDescription,
    Tensor,
    TrainingConfig,
)
from paramedic_service.reproduction.data.examples import Pair
from paramedic_service.reproduction.worker.tensorflow1_arguments import Arguments

LAYER = "rnn"
OUTPUT = "output"

_KINDS = {"BasicRNNCell": "SimpleRNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}
_OPTIMIZERS = {"momentum": "sgd"}


def describe(arguments: Arguments, variables: Sequence[Any], data: Pair) -> RunDescription:
    """Describes what is trained.

    Args:
        arguments: Of the program.
        variables: In the order in which their norms are reported.
        data: Samples of what it trains on.
    """
    profile = data_profile(*data)
    profile.ClearField("samples")  # every step makes new ones
    tensors = [_tensor(variable) for variable in variables]
    return RunDescription(
        tensors=tensors,
        model=ModelConfig(
            layers=_layers(arguments), trainable_parameters=sum(tensor.element_count for tensor in tensors)
        ),
        optimizer=_optimizer(arguments),
        losses=[LossConfig(name="mean_squared_error")],
        training=TrainingConfig(batch_size=arguments.batch_size, precision="float32"),
        data=profile,
        environment=Environment(framework="tensorflow1"),
    )


def _layers(arguments: Arguments) -> list[LayerConfig]:
    return [
        LayerConfig(
            name=LAYER,
            kind=_KINDS[arguments.cell],
            activation="tanh",
            units=arguments.units,
            input_shape=[-1, arguments.time_steps, 1],
            output_shape=[-1, arguments.units],
        ),
        LayerConfig(
            name=OUTPUT,
            kind="Dense",
            activation="linear",
            units=1,
            input_shape=[-1, arguments.units],
            output_shape=[-1, 1],
        ),
    ]


def _optimizer(arguments: Arguments) -> OptimizerConfig:
    settings = Struct()
    if arguments.optimizer == "momentum":
        settings.update({"momentum": 0.9})
    return OptimizerConfig(
        name=_OPTIMIZERS.get(arguments.optimizer, arguments.optimizer),
        learning_rate=arguments.learning_rate,
        global_clipnorm=arguments.global_clipnorm,
        settings=settings,
    )


def _tensor(variable: Any) -> Tensor:
    name = variable.name.removesuffix(":0")
    shape = variable.shape.as_list()
    if len(shape) < 2:
        role = TENSOR_ROLE_BIAS
    elif name.startswith(LAYER):
        role = TENSOR_ROLE_RECURRENT_KERNEL  # inputs and state share one matrix, most of which is the state's
    else:
        role = TENSOR_ROLE_KERNEL
    layer = LAYER if name.startswith(LAYER) else OUTPUT
    return Tensor(name=name, shape=shape, element_count=variable.shape.num_elements(), layer=layer, role=role)
