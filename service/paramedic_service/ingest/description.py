"""Descriptions of trainings: from the wire to what rules read."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from paramedic.v1 import description_pb2 as wire
from paramedic_service.rules import description as rules

_ROLES = {
    wire.TENSOR_ROLE_KERNEL: "kernel",
    wire.TENSOR_ROLE_RECURRENT_KERNEL: "recurrent_kernel",
    wire.TENSOR_ROLE_BIAS: "bias",
    wire.TENSOR_ROLE_EMBEDDING: "embedding",
    wire.TENSOR_ROLE_SCALE: "scale",
    wire.TENSOR_ROLE_OFFSET: "offset",
}

_ENCODINGS = {
    wire.LABEL_ENCODING_INTEGER: "integer",
    wire.LABEL_ENCODING_ONE_HOT: "one_hot",
    wire.LABEL_ENCODING_MULTI_HOT: "multi_hot",
    wire.LABEL_ENCODING_BINARY: "binary",
    wire.LABEL_ENCODING_CONTINUOUS: "continuous",
}


def read(known: wire.RunDescription, attempt: int = 0) -> rules.Description:
    """What rules read.

    Args:
        known: A description that is merged and valid.
        attempt: How often the training was restarted before.
    """
    return rules.Description(
        tensors=tuple(map(_tensor, known.tensors)),
        probed_layers=tuple(known.probed_layers),
        model=_model(known.model) if known.HasField("model") else None,
        optimizer=_optimizer(known.optimizer) if known.HasField("optimizer") else None,
        losses=tuple(map(_loss, known.losses)),
        training=_training(known.training) if known.HasField("training") else None,
        data=_data(known.data) if known.HasField("data") else None,
        attempt=attempt,
    )


def _tensor(tensor: wire.Tensor) -> rules.Tensor:
    return rules.Tensor(
        tensor.name,
        tensor.element_count or None,
        tensor.layer,
        _ROLES.get(tensor.role, ""),
        tuple(tensor.shape),
    )


def _model(model: wire.ModelConfig) -> rules.Model:
    return rules.Model(
        layers=tuple(map(_layer, model.layers)),
        trainable_parameters=model.trainable_parameters,
        frozen_parameters=model.frozen_parameters,
        name=model.name,
        opaque=model.opaque,
        nodes=tuple(map(_node, model.nodes)),
        outputs=tuple(model.outputs),
    )


def _node(node: wire.GraphNode) -> rules.Node:
    return rules.Node(node.name, node.layer, node.operation, tuple(node.inputs), _settings(node.arguments))


def _layer(layer: wire.LayerConfig) -> rules.Layer:
    return rules.Layer(
        name=layer.name,
        kind=layer.kind,
        activation=layer.activation,
        units=_optional(layer, "units"),
        input_shape=tuple(layer.input_shape),
        output_shape=tuple(layer.output_shape),
        parameters=layer.parameters,
        frozen=layer.frozen,
        inputs=tuple(layer.inputs),
        settings=_settings(layer.settings),
    )


def _optimizer(optimizer: wire.OptimizerConfig) -> rules.Optimizer:
    return rules.Optimizer(
        name=optimizer.name,
        learning_rate=_optional(optimizer, "learning_rate"),
        schedule=optimizer.schedule,
        clipnorm=_optional(optimizer, "clipnorm"),
        clipvalue=_optional(optimizer, "clipvalue"),
        global_clipnorm=_optional(optimizer, "global_clipnorm"),
        dynamic_loss_scale=optimizer.dynamic_loss_scale,
        settings=_settings(optimizer.settings),
    )


def _loss(loss: wire.LossConfig) -> rules.Loss:
    return rules.Loss(
        name=loss.name,
        output=loss.output,
        from_logits=_optional(loss, "from_logits"),
        weight=loss.weight if loss.HasField("weight") else 1.0,
        settings=_settings(loss.settings),
    )


def _training(training: wire.TrainingConfig) -> rules.Training:
    return rules.Training(
        batch_size=_optional(training, "batch_size"),
        epochs=_optional(training, "epochs"),
        steps_per_epoch=_optional(training, "steps_per_epoch"),
        metrics=tuple(training.metrics),
        validated=training.validated,
        precision=training.precision,
        weighted=training.weighted,
        custom_step=training.custom_step,
        replicas=training.replicas,
    )


def _data(data: wire.DataProfile) -> rules.Data:
    return rules.Data(
        inputs=tuple(map(_array, data.inputs)),
        targets=tuple(map(_array, data.targets)),
        samples=_optional(data, "samples"),
    )


def _array(array: wire.ArrayProfile) -> rules.ArrayProfile:
    optional = ("examined", "shortest", "longest", "mean", "deviation", "lowest", "highest", "padding_share")
    features = ("feature_means", "feature_deviations", "feature_lowest", "feature_highest")
    return rules.ArrayProfile(
        name=array.name,
        shape=tuple(array.shape),
        dtype=array.dtype,
        nonfinite=array.nonfinite,
        encoding=_ENCODINGS.get(array.encoding, ""),
        class_counts=tuple(array.class_counts),
        whole_share=_optional(array, "whole_share"),
        **_each(array, optional, _optional),
        **_each(array, features, lambda message, name: tuple(getattr(message, name))),
    )


def _each(message: Message, names: tuple[str, ...], get: Callable[[Message, str], Any]) -> Mapping[str, Any]:
    return {name: get(message, name) for name in names}


def _optional(message: Message, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def _settings(settings: Struct) -> dict[str, Any]:
    # Not json_format: it refuses NaN and infinities, which are data.
    return {name: _plain(value) for name, value in settings.fields.items()}


def _plain(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _settings(value.struct_value)
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case "null_value" | None:
            return None
        case kind:
            return getattr(value, kind)
