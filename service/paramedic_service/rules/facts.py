"""What rules on a description judge: the model as a graph, its outputs with their losses and targets, its inputs."""

from dataclasses import dataclass

from paramedic_service.rules.description import ArrayProfile, Description, Layer, Loss
from paramedic_service.rules.finding import Evidence
from paramedic_service.rules.layer_kinds import DROPOUTS, PASSING, activation, width
from paramedic_service.rules.model_graph import ModelGraph, graph_of


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a model.

    Attributes:
        layer: That gives it: the last one that does more than pass values on.
        activation: Nonlinearity of the output; None when that cannot be known.
        units: Width; None when unknown.
        rank: Number of its dimensions, the batch included; None when unknown.
        loss: That judges it.
        target: It is compared with; None when unknown.
    """

    layer: Layer
    activation: str | None
    units: int | None
    rank: int | None
    loss: Loss
    target: ArrayProfile | None


@dataclass(frozen=True, slots=True)
class Facts:
    """A description, prepared for rules.

    Attributes:
        description: As it is.
        graph: Of the model.
        outputs: Those that have a loss; empty when the model's end is unknown.
    """

    description: Description
    graph: ModelGraph
    outputs: tuple[Output, ...]

    @classmethod
    def of(cls, description: Description) -> "Facts":
        """Prepares a description."""
        graph = graph_of(description.model)
        return cls(description, graph, tuple(_outputs(description, graph)))

    @property
    def input(self) -> ArrayProfile | None:
        """The only input; None when there are several or none."""
        data = self.description.data
        return data.inputs[0] if data is not None and len(data.inputs) == 1 else None

    @property
    def samples(self) -> int | None:
        """Training samples; None when unknown."""
        return self.description.data.samples if self.description.data is not None else None


def fact(signal: str, value: float, meaning: str, layer: str = "", threshold: float | None = None) -> Evidence:
    """Evidence that a description gives: known before the first step, and the same at every later one.

    Args:
        signal: Part of the description: "model", "optimizer", "input".
        value: As described.
        meaning: What the value is.
        layer: Of which it is said; empty for the whole.
        threshold: The bound it passed, if there is one.
    """
    return Evidence(signal, 0, float(value), meaning, threshold=threshold, layer=layer)


def _outputs(description: Description, graph: ModelGraph) -> list[Output]:
    if not graph.known:
        return []
    targets = description.data.targets if description.data is not None else ()
    outputs = []
    for place, loss in enumerate(description.losses):
        end = _end(graph, loss, len(description.losses))
        if end is not None:
            target = _target(targets, loss, place, len(description.losses))
            outputs.append(_output(graph, end, loss, target))
    return outputs


def _end(graph: ModelGraph, loss: Loss, losses: int) -> Layer | None:
    """The layer whose output a loss judges: the only end, or the one that the loss names."""
    ends = graph.ends
    if loss.output:
        named = [layer for layer in ends if layer.name == loss.output or layer.name.startswith(f"{loss.output}/")]
        if len(named) == 1:
            return named[0]
    return ends[0] if len(ends) == 1 and losses == 1 else None


def _target(targets: tuple[ArrayProfile, ...], loss: Loss, place: int, losses: int) -> ArrayProfile | None:
    named = [target for target in targets if loss.output and target.name == loss.output]
    if named:
        return named[0]
    return targets[place] if len(targets) == losses else None


def _output(graph: ModelGraph, end: Layer, loss: Loss, target: ArrayProfile | None) -> Output:
    layer, applied = end, activation(end)
    while layer.kind in PASSING or layer.kind in ("Activation", "Softmax"):
        source = graph.only_input(layer)
        if source is None or applied is None:
            break
        if layer.kind in ("Activation", "Softmax") and applied != "linear":
            return Output(_weighted(graph, source), applied, width(end), _rank(end), loss, target)
        layer, applied = source, activation(source) if applied == "linear" else applied
    return Output(layer, applied, width(end), _rank(end), loss, target)


def _weighted(graph: ModelGraph, layer: Layer) -> Layer:
    while layer.kind in PASSING | DROPOUTS:
        source = graph.only_input(layer)
        if source is None:
            break
        layer = source
    return layer


def _rank(end: Layer) -> int | None:
    return len(end.output_shape) or None
