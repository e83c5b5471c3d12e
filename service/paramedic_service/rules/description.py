"""What rules know of a training beforehand: model, optimizer, loss, loop and data, in neutral terms.

Fields mean what they mean in the wire contract, proto/paramedic/v1/description.proto; None and empty stand for
unknown.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Tensor:
    """One trainable tensor, a column of every per-tensor block.

    Attributes:
        name: Unique within the run's table.
        element_count: Number of elements; None when unknown.
        layer: Name of the layer that owns it; empty when unknown.
        role: "kernel", "recurrent_kernel", "bias", "embedding", "scale", "offset", or empty.
        shape: Dimensions in elements.
    """

    name: str
    element_count: int | None = None
    layer: str = ""
    role: str = ""
    shape: tuple[int, ...] = ()

    @property
    def is_kernel(self) -> bool:
        """Whether it multiplies what passes, as far as role or name tell."""
        if self.role:
            return self.role in ("kernel", "recurrent_kernel", "embedding")
        return "bias" not in self.name.lower()


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, in forward order.

    Attributes:
        name: Unique within the model, path included.
        kind: The framework's class name: "Dense", "LSTM".
        activation: "relu", "linear"; empty when the layer has none.
        units: Output width; None when not applicable.
        input_shape: With the batch dimension; -1 for unknown. Empty when there is no single one.
        output_shape: Likewise.
        parameters: Elements in its tensors.
        frozen: Whether it does not train.
        inputs: Names of the layers that feed it; empty for the one before it.
        settings: Everything else the framework reports.
    """

    name: str
    kind: str
    activation: str = ""
    units: int | None = None
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()
    parameters: int = 0
    frozen: bool = False
    inputs: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """A call of a layer, or of an operation that is no layer.

    Attributes:
        name: Unique within the graph.
        layer: Name of the layer; empty for an operation.
        operation: Class name of the operation; empty for a layer.
        inputs: Names of the nodes whose outputs it reads, in the order of its parameters.
        arguments: Others, by parameter.
    """

    name: str
    layer: str = ""
    operation: str = ""
    inputs: tuple[str, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """A model.

    Attributes:
        layers: In forward order, those of nested models in place.
        trainable_parameters: Elements in trainable tensors.
        frozen_parameters: Elements in frozen tensors.
        name: Of the model.
        opaque: Whether its forward pass is code that neither layers nor nodes tell.
        nodes: Its graph, each node behind those that it reads; empty where the layers' inputs tell all of it.
        outputs: Names of the nodes whose outputs are the model's.
    """

    layers: tuple[Layer, ...] = ()
    trainable_parameters: int = 0
    frozen_parameters: int = 0
    name: str = ""
    opaque: bool = False
    nodes: tuple[Node, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer.

    Attributes:
        name: "adam", "rmsprop", "sgd".
        learning_rate: At the first step.
        schedule: Class name of the schedule; empty for a constant learning rate.
        clipnorm: Bound on each gradient's norm.
        clipvalue: Bound on each gradient element.
        global_clipnorm: Bound on the norm of all gradients together.
        dynamic_loss_scale: Whether mixed precision searches for a loss scale and skips the steps that overflow.
        settings: Everything else the framework reports.
    """

    name: str = ""
    learning_rate: float | None = None
    schedule: str = ""
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    dynamic_loss_scale: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def clips(self) -> bool:
        """Whether gradients are clipped in some way."""
        return any((self.clipnorm, self.clipvalue, self.global_clipnorm))


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of one output.

    Attributes:
        name: "sparse_categorical_crossentropy", "mean_squared_error".
        output: Output it belongs to; empty for the only one.
        from_logits: Whether predictions are logits; None when not applicable or unknown.
        weight: In the total.
        settings: Everything else the framework reports.
    """

    name: str
    output: str = ""
    from_logits: bool | None = None
    weight: float = 1.0
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Training:
    """The arguments of the training loop.

    Attributes:
        batch_size: Samples a step.
        epochs: Asked for.
        steps_per_epoch: Steps an epoch.
        metrics: Reported beside the loss.
        validated: Whether validation data was given.
        precision: "float32", "mixed_float16".
        weighted: Whether classes or samples are weighted in the loss.
        custom_step: Whether a step is code of its own, rather than the framework's.
        replicas: Processes of this run that each hold a whole copy of the model and average their gradients; 0 where
            it is not trained so, or nobody told.
    """

    batch_size: int | None = None
    epochs: int | None = None
    steps_per_epoch: int | None = None
    metrics: tuple[str, ...] = ()
    validated: bool = False
    precision: str = ""
    weighted: bool = False
    custom_step: bool = False
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class ArrayProfile:
    """What one input or target array looks like; statistics are over finite values of the examined samples.

    Attributes:
        name: Empty for the only one.
        shape: With the batch dimension; -1 for unknown or varying.
        dtype: NumPy's name; "object" for lists of unequal length.
        examined: Samples behind the statistics; None when there are none.
        shortest: Of sequences that differ in length; None when they do not.
        longest: Likewise.
        nonfinite: Values that are NaN or infinite.
        mean: Over all values.
        deviation: Likewise.
        lowest: Likewise.
        highest: Likewise.
        feature_means: [features] over the last axis; empty for one feature or too many.
        feature_deviations: Likewise.
        feature_lowest: Likewise.
        feature_highest: Likewise.
        padding_share: Of time steps; None when there are no sequences.
        encoding: "integer", "one_hot", "multi_hot", "binary", "continuous", or empty.
        class_counts: Examined samples a class; empty when not labels.
        whole_share: Share of values that are whole numbers; None when not numeric.
    """

    name: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    examined: int | None = None
    shortest: int | None = None
    longest: int | None = None
    nonfinite: int = 0
    mean: float | None = None
    deviation: float | None = None
    lowest: float | None = None
    highest: float | None = None
    feature_means: tuple[float, ...] = ()
    feature_deviations: tuple[float, ...] = ()
    feature_lowest: tuple[float, ...] = ()
    feature_highest: tuple[float, ...] = ()
    padding_share: float | None = None
    encoding: str = ""
    class_counts: tuple[int, ...] = ()
    whole_share: float | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """What the data looks like.

    Attributes:
        inputs: One profile an input.
        targets: One profile a target.
        samples: Training samples; None when unknown.
    """

    inputs: tuple[ArrayProfile, ...] = ()
    targets: tuple[ArrayProfile, ...] = ()
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of the training.

    Attributes:
        tensors: The tensor table, in forward order.
        probed_layers: Columns of the per-layer blocks.
        model: None when unknown, as with the others.
        optimizer: In use.
        losses: One an output.
        training: Arguments of the loop.
        data: Profile of the data.
        attempt: How often this training was restarted before.
    """

    tensors: tuple[Tensor, ...] = ()
    probed_layers: tuple[str, ...] = ()
    model: Model | None = None
    optimizer: Optimizer | None = None
    losses: tuple[Loss, ...] = ()
    training: Training | None = None
    data: Data | None = None
    attempt: int = 0
