"""What is to be trained, once every part of it is known to be harmless and within bounds."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal

from paramedic.v1.reproduction_pb2 import DataSource
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.rules.description import Description


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a layer or optimizer is made with and that has arguments itself: an initialiser, a schedule.

    Attributes:
        kind: Of the allow-list: "RandomNormal", "L2", "ExponentialDecay".
        arguments: For its constructor, all of them checked.
    """

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One place of a model's graph.

    Attributes:
        name: Unique within the model. A name as reported, path included; for people, since frameworks take fewer
            characters.
        kind: Of the allow-list of layers: "Dense", "InputLayer"; or of operations: "Add", "StopGradient".
        arguments: For its constructor, all of them checked: plain values, parts, and for a wrapper the plan of the
            layer within. Of an operation: of its call, with the names of the parameters that its inputs are for under
            "arrays"; one that takes a list of them ends with "*".
        inputs: Names of the places that feed it, in the order of its arguments, repeated where it reads one twice.
        call: Arguments of a layer's call beside what it reads: "use_causal_mask".
        output_shape: With the batch dimension; -1 for unknown sizes.
        parameters: Elements of its weights; 0 where they belong to the layer that it shares them with.
        shares: Name of the place whose layer this one calls again; empty where it is a layer of its own.
        operation: Whether it is an operation without state rather than a layer.
    """

    name: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    call: dict[str, Any] = field(default_factory=dict)
    output_shape: tuple[int, ...] = ()
    parameters: int = 0
    shares: str = ""
    operation: bool = False


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """A model as a graph without cycles.

    Attributes:
        layers: In an order in which each stands behind what feeds it. Inputs have the kind "InputLayer".
        outputs: Names of the places whose outputs are the model's.
        parameters: Elements of all weights.
        precision: Numeric policy: "float32", "mixed_float16", "mixed_bfloat16".
    """

    layers: tuple[LayerPlan, ...]
    outputs: tuple[str, ...]
    parameters: int
    precision: str = "float32"

    @property
    def inputs(self) -> tuple[LayerPlan, ...]:
        """The inputs, in the order of the data."""
        return tuple(layer for layer in self.layers if layer.kind == "InputLayer")

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the outputs, with the batch dimension."""
        shapes = {layer.name: layer.output_shape for layer in self.layers}
        return tuple(shapes[name] for name in self.outputs)


@dataclass(frozen=True, slots=True)
class OptimizerPlan:
    """An optimizer.

    Attributes:
        name: Keras's class name in lower case: "adam", "rmsprop", "sgd".
        learning_rate: At the first step; with a schedule it is what the schedule begins with.
        schedule: Of the learning rate; None for a constant one.
        arguments: Others for its constructor, all of them checked: "momentum", "beta_1", "weight_decay".
        clipnorm: Bound on each gradient's norm; None for none, as with the others.
        clipvalue: Bound on each gradient element.
        global_clipnorm: Bound on the norm of all gradients together.
    """

    name: str
    learning_rate: float
    schedule: Part | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None


@dataclass(frozen=True, slots=True)
class LossPlan:
    """The loss of one output.

    Attributes:
        name: Keras's name in snake case, never an alias: "mean_squared_error".
        from_logits: Whether predictions are logits; None where the loss does not ask.
        arguments: Others for its constructor, all of them checked: "delta", "label_smoothing".
        weight: In the total.
    """

    name: str
    from_logits: bool | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class DataOperation:
    """A change of the samples before they are trained on.

    Attributes:
        field: What is changed.
        word: "standardise", "clean", "truncate", "pad", "window", "reshape", "encode".
        argument: Of the operation: True, a number of steps, sizes, an encoding.
    """

    field: Literal["inputs", "targets"]
    word: str
    argument: Any


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """One way of training.

    Attributes:
        index: Its place in the specification; 0 is the training as reported.
        name: Unique.
        description: The training as this arm changes it.
        model: What is trained.
        optimizer: What trains it.
        losses: One an output of the model, in their order.
        metrics: Names as reported, of those that can be measured.
        batch_size: Samples a step.
        class_weights: Whether classes are weighted by the inverse of their frequency.
        operations: On the samples, in their order.
        structure: Equal for arms that can share one compiled program: the same graph with the same shapes, loss,
            batch size and optimizer. Learning rates, clips, numbers of the optimizer and of its schedule, initialisers
            and the values of samples are inputs of a program and not part of it.
        error: Why this arm cannot be trained; the rest is then the training as reported, and not to be used. None:
            it can.
    """

    index: int
    name: str
    description: Description
    model: ModelPlan
    optimizer: OptimizerPlan
    losses: tuple[LossPlan, ...]
    metrics: tuple[str, ...]
    batch_size: int
    class_weights: bool
    operations: tuple[DataOperation, ...]
    structure: Hashable
    error: SpecError | None = None

    @property
    def loss(self) -> LossPlan:
        """The loss of the first output, which is the only one of most models."""
        return self.losses[0]


@dataclass(frozen=True, slots=True)
class Plan:
    """A reproduction that may be trained.

    Attributes:
        title: For people.
        arms: In the order of the specification; the first is the training as reported.
        steps: Optimizer steps a training.
        seeds: One training an arm each.
        rules: Ids of those that found the fault; empty for any of severity warning or worse.
        data: Where the samples come from.
        description: The training as reported.
    """

    title: str
    arms: tuple[ArmPlan, ...]
    steps: int
    seeds: tuple[int, ...]
    rules: tuple[str, ...]
    data: DataSource
    description: Description


@dataclass(frozen=True, slots=True)
class WorkloadArm:
    """One way of running a workload.

    Attributes:
        index: Its place in the specification; 0 is the training as reported.
        name: Unique.
        arguments: What the workload is told.
        error: Why this arm cannot be run. None: it can.
    """

    index: int
    name: str
    arguments: dict[str, Any]
    error: SpecError | None = None


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """A reproduction by a workload that the operator registered.

    Attributes:
        title: For people.
        workload: Its name, of letters, digits, ".", "_" and "-"; whether there is one of that name is for the registry
            to say.
        arms: In the order of the specification.
        steps: Optimizer steps a training.
        seeds: One training an arm each.
        rules: Ids of those that found the fault.
        data: Where the samples come from.
    """

    title: str
    workload: str
    arms: tuple[WorkloadArm, ...]
    steps: int
    seeds: tuple[int, ...]
    rules: tuple[str, ...]
    data: DataSource
