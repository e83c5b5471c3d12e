"""Specifications of reproductions, as they come over the wire."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct

from paramedic.v1.description_pb2 import (
    LABEL_ENCODING_INTEGER,
    ArrayProfile,
    DataProfile,
    GraphNode,
    LayerConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunDescription,
    TrainingConfig,
)
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic_service.reproduction.plan import ArmPlan, Limits, SpecError, plan, plan_workload


def struct(values: Mapping[str, Any]) -> Struct:
    """Settings as they travel."""
    message = Struct()
    message.update(values)
    return message


def layer(kind: str, name: str = "", units: int | None = None, activation: str = "", /, **settings: Any) -> LayerConfig:
    """A layer as described; without a name it is that of its kind."""
    return LayerConfig(
        name=name or kind.lower(), kind=kind, units=units, activation=activation, settings=struct(settings)
    )


def node(name: str, *inputs: str, operation: str = "", **arguments: Any) -> GraphNode:
    """A call of the layer of this name, or of an operation."""
    return GraphNode(
        name=name,
        layer="" if operation else name,
        operation=operation,
        inputs=inputs,
        arguments=struct(arguments),
    )


def model(*layers: LayerConfig, shape: tuple[int, ...] = (10, 3)) -> ModelConfig:
    """Layers one behind the other; the first reads samples of this shape."""
    if layers and not layers[0].input_shape and layers[0].kind != "InputLayer":
        layers[0].input_shape.extend((-1, *shape))
    return ModelConfig(layers=layers)


def given(*shape: int, name: str = "given") -> LayerConfig:
    """An input."""
    return LayerConfig(name=name, kind="InputLayer", output_shape=(-1, *shape))


def arm(patch: Mapping[str, Any], name: str = "remedy") -> Arm:
    """A way of training that changes something."""
    return Arm(name=name, patch=struct(patch))


def spec(described: ModelConfig | None = None, *arms: Arm) -> ReproductionSpec:
    """A small LSTM that learns three classes by Adam, or another model in its place; arms stand beside it."""
    usual = model(
        layer("LSTM", "lstm", 4, "tanh", return_sequences=False, recurrent_initializer="orthogonal"),
        layer("Dense", "dense", 3, "softmax"),
    )
    description = RunDescription(
        model=usual if described is None else described,
        optimizer=OptimizerConfig(name="adam", learning_rate=0.001, settings=struct({"beta_1": 0.9})),
        losses=[LossConfig(name="sparse_categorical_crossentropy", from_logits=False)],
        training=TrainingConfig(batch_size=32, epochs=2, metrics=["accuracy"]),
        data=DataProfile(
            inputs=[ArrayProfile(shape=(-1, 10, 3), dtype="float32", examined=300, mean=0.0, deviation=1.0)],
            targets=[
                ArrayProfile(
                    shape=(-1,),
                    dtype="int64",
                    examined=300,
                    encoding=LABEL_ENCODING_INTEGER,
                    class_counts=(90, 100, 110),
                )
            ],
            samples=300,
        ),
    )
    every = [Arm(name="as reported"), *arms] if arms else []
    return ReproductionSpec(title="a small LSTM", description=description, steps=50, seeds=2, arms=every)


def planned(described: ModelConfig | None = None, *arms: Arm) -> tuple[ArmPlan, ...]:
    """Plans of the arms of such a specification."""
    return plan(spec(described, *arms), Limits()).arms


def refusal(message: ReproductionSpec, limits: Limits | None = None) -> SpecError:
    """Why a specification, or else its first arm that has an error, cannot be trained.

    Raises:
        AssertionError: It can be.
    """
    bounds = limits or Limits()
    try:
        arms = (plan_workload if message.workload else plan)(message, bounds).arms
    except SpecError as error:
        return error
    errors = [each.error for each in arms if each.error is not None]
    assert errors, "it was planned without an objection"
    return errors[0]
