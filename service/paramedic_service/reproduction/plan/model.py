"""Models: from a description's layers to a plan whose shapes and weights are known and within bounds."""

from collections.abc import Mapping, Sequence
from typing import Any

from paramedic_service.reproduction.plan.checks import boolean, choice, integer, listed, several, shown
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.graph import INPUT, PATH, Graph, Node, changed, read_graph
from paramedic_service.reproduction.plan.kind import Kind, Shape
from paramedic_service.reproduction.plan.kinds import KINDS, configured
from paramedic_service.reproduction.plan.kinds_plain import INPUT_CHECKS
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.memory import check_memory, check_size
from paramedic_service.reproduction.plan.operations import OPERATIONS, operation_arguments
from paramedic_service.reproduction.plan.parts import DTYPES, POLICIES, activation, arguments
from paramedic_service.reproduction.plan.plans import LayerPlan, ModelPlan
from paramedic_service.rules.description import ArrayProfile, Description, Layer, Model

_FLOAT = "float32"
_SIZE = integer(-1, "features")


def model_plan(reported: Description, arm: Description, batch_size: int, limits: Limits) -> ModelPlan:
    """Plans the model of an arm.

    Args:
        reported: The training as reported.
        arm: The same as the arm changes it; the same object for an arm that changes nothing.
        batch_size: Of the arm.
        limits: Bounds.

    Raises:
        SpecError: Something of it is not known, makes no sense, or is too large.
    """
    if reported.model is None or arm.model is None:
        raise SpecError(PATH, "there is none; report the run with a client that describes its model")
    graph = read_graph(reported.model, limits)
    if arm is not reported:
        if len(arm.model.layers) > limits.layers:
            raise SpecError(f"{PATH}.layers", f"got {len(arm.model.layers)}, expected at most {limits.layers}")
        graph = changed(graph, reported.model.layers, arm.model.layers, limits)
    precision = (arm.training.precision if arm.training else "") or _FLOAT
    choice(*POLICIES)(precision, "description.training.precision", limits)
    builder = _Builder(reported, arm, graph, limits)
    layers = builder.layers()
    plan = ModelPlan(
        layers=tuple(layers),
        outputs=tuple(builder.place_of(name) for name in graph.outputs),
        parameters=sum(layer.parameters for layer in layers),
        precision=precision,
    )
    if len(plan.outputs) > limits.arrays:
        raise SpecError(f"{PATH}.outputs", f"got {len(plan.outputs)}, expected at most {limits.arrays}")
    check_memory(plan, arm, batch_size, limits)
    return plan


class _Builder:
    """Goes through a graph in its order, from the inputs' shapes to the outputs'."""

    def __init__(self, reported: Description, arm: Description, graph: Graph, limits: Limits) -> None:
        assert reported.model is not None
        assert arm.model is not None
        self._model: Model = arm.model
        self._as_reported = reported.model if arm is reported else None
        self._graph, self._limits = graph, limits
        self._layers = {layer.name: (place, layer) for place, layer in enumerate(arm.model.layers)}
        self._before = {layer.name: layer for layer in reported.model.layers}
        self._profiles = _profiles(reported, arm)
        self._plans: dict[str, LayerPlan] = {}
        self._stands_for: dict[str, str] = {}
        self._first_call: dict[str, str] = {}
        self._parameters = 0
        self._inputs = 0

    def layers(self) -> list[LayerPlan]:
        """The plan of every place, each behind those that it reads."""
        for node in self._graph.nodes.values():
            plan = self._operation(node) if node.operation else self._layer(node)
            if plan is None:
                continue
            self._parameters += plan.parameters
            check_size(plan, self._parameters, node.path, self._limits)
            self._plans[node.name] = plan
        if not self._inputs:
            raise SpecError(f"{PATH}.layers", "there is no input: no layer is fed from outside")
        return list(self._plans.values())

    def place_of(self, name: str) -> str:
        """The place whose output a node's is."""
        return self._stands_for.get(name, name)

    def _sources(self, node: Node) -> tuple[str, ...]:
        return tuple(map(self.place_of, node.inputs))

    def _operation(self, node: Node) -> LayerPlan:
        sources = self._sources(node)
        checked, arrays = operation_arguments(node.operation, node.arguments, len(sources), node.path, self._limits)
        shapes = tuple(self._plans[source].output_shape for source in sources)
        shape, _ = OPERATIONS[node.operation].geometry(checked, shapes, node.path)
        return LayerPlan(node.name, node.operation, {**checked, "arrays": arrays}, sources, {}, shape, operation=True)

    def _layer(self, node: Node) -> LayerPlan | None:
        place, layer = self._layers[node.layer]
        path = f"{PATH}.layers[{place}]"
        if layer.kind == INPUT:
            if node.inputs:  # the input of a nested model is what the model reads
                self._stands_for[node.name] = self.place_of(node.inputs[0])
                return None
            return self._input(node.name, layer, layer.output_shape or layer.input_shape, path)
        kind = _kind(layer, path)
        sources = self._sources(node) or (self._unnamed_input(layer, path),)
        if not kind.inputs[0] <= len(sources) <= kind.inputs[1]:
            raise SpecError(f"{node.path}.inputs", f"a {layer.kind} reads {kind.inputs[0]}, not {len(sources)}")
        call = _call(node, kind, self._limits)
        checked = layer_arguments(layer, kind, path, self._limits)
        shapes = tuple(self._plans[source].output_shape for source in sources)
        shape, weights = kind.geometry(checked, shapes, path)
        self._compare(layer, shape, weights, path)
        first = self._first_call.setdefault(layer.name, node.name)
        if first != node.name:
            self._check_shared(first, shapes, node.path)
            return LayerPlan(node.name, layer.kind, checked, sources, call, shape, shares=first)
        return LayerPlan(node.name, layer.kind, checked, sources, call, shape, weights)

    def _check_shared(self, first: str, shapes: Sequence[Shape], path: str) -> None:
        built_for = [self._plans[source].output_shape[-1] for source in self._plans[first].inputs]
        if built_for != [shape[-1] for shape in shapes]:
            raise SpecError(f"{path}.inputs", f"{shown(first)} is built for inputs with {built_for} features")

    def _unnamed_input(self, layer: Layer, path: str) -> str:
        """The input of a model whose first layer reads what it is given."""
        name = "input"
        while name in self._graph.nodes:
            name += "_"
        if name in self._plans:
            return name
        dtype = "int32" if layer.kind == "Embedding" else _FLOAT
        plan = self._input(name, layer, layer.input_shape, path, {"dtype": dtype})
        check_size(plan, self._parameters, f"{path}.input_shape", self._limits)
        self._plans[name] = plan
        return name

    def _input(
        self, name: str, layer: Layer, shape: Shape, path: str, settings: Mapping[str, Any] | None = None
    ) -> LayerPlan:
        index, self._inputs = self._inputs, self._inputs + 1
        if index >= self._limits.arrays:
            raise SpecError(path, f"this is input number {index + 1}, expected at most {self._limits.arrays}")
        field = f"{path}.{'output_shape' if layer.kind == INPUT else 'input_shape'}"
        before, after = self._profiles[index] if index < len(self._profiles) else ((), ())
        if not shape:
            shape = after
        elif (known := self._before.get(layer.name)) is not None and shape in (known.input_shape, known.output_shape):
            shape = _followed(shape, before, after)
        if not 1 <= len(shape) <= self._limits.rank:
            raise SpecError(field, f"got {len(shape)} axes, expected 1 to {self._limits.rank}, the batch first")
        sizes = several(_SIZE, 1, self._limits.rank)((-1, *shape[1:]), field, self._limits)[1:]
        if 0 in sizes:
            raise SpecError(f"{field}[{sizes.index(0) + 1}]", "got 0, expected a size, or -1 where it varies")
        if len(sizes) == 2 and sizes[0] > self._limits.sequence_length:
            raise SpecError(f"{field}[1]", f"got {sizes[0]} steps, expected at most {self._limits.sequence_length}")
        reported = settings if settings is not None else layer.settings
        checked = arguments(
            {key: value for key, value in reported.items() if key not in ("operations", "name")},
            INPUT_CHECKS, f"{path}.settings", self._limits,
        )  # fmt: skip
        dtype = checked.get("dtype", reported.get("dtype") or _FLOAT)
        choice(*DTYPES)(dtype, f"{path}.settings.dtype", self._limits)
        taken = {"shape": tuple(None if size == -1 else size for size in sizes), "dtype": dtype}
        return LayerPlan(name, INPUT, taken, output_shape=(-1, *sizes))

    def _compare(self, layer: Layer, shape: Shape, weights: int, path: str) -> None:
        """Refuses layers that are not what they are called, as far as the report tells."""
        if self._as_reported is None:
            return
        if layer.parameters and layer.parameters != weights:
            raise SpecError(
                f"{path}.parameters",
                f"got {layer.parameters}, and a {layer.kind} of these settings has {weights}; a class of your own by "
                "that name is not built",
            )
        told = layer.output_shape
        if told and (
            len(told) != len(shape) or any(a != b and min(a, b) >= 0 for a, b in zip(told, shape, strict=True))
        ):
            raise SpecError(
                f"{path}.output_shape", f"got {list(told)}, and {list(shape)} follows from its settings and its inputs"
            )


def layer_arguments(layer: Layer, kind: Kind, path: str, limits: Limits) -> dict[str, Any]:
    """Checks what a layer is made with.

    Args:
        layer: As described.
        kind: Its kind.
        path: Of the layer.
        limits: Bounds.
    """
    given: dict[str, Any] = {}
    if kind.width:
        if layer.units is None:
            raise SpecError(f"{path}.units", f"there are none, and a {layer.kind} cannot be built without")
        given[kind.width] = kind.checks[kind.width](layer.units, f"{path}.units", limits)
    elif layer.units is not None and "depth_multiplier" not in kind.checks:
        raise SpecError(f"{path}.units", f"got {shown(layer.units)}, and a {layer.kind} has no width")
    own = layer.settings.get("activation") or layer.activation
    if kind.activation and own:
        field = f"{path}.settings.activation" if layer.settings.get("activation") else f"{path}.activation"
        given["activation"] = activation(own, field, limits)
    elif own:
        raise SpecError(f"{path}.activation", f"got {shown(own)}, and a {layer.kind} has no activation")
    settings = {name: value for name, value in layer.settings.items() if name not in ("operations", "activation")}
    checked = configured(layer.kind, kind, settings, f"{path}.settings", limits, given)
    if boolean(layer.frozen, f"{path}.frozen", limits):
        checked["trainable"] = False
    return checked


def _kind(layer: Layer, path: str) -> Kind:
    if not isinstance(layer.kind, str) or layer.kind not in KINDS:
        raise SpecError(
            f"{path}.kind", f"got {shown(layer.kind)}, expected a layer of {listed(KINDS)}; code of your own is not run"
        )
    return KINDS[layer.kind]


def _call(node: Node, kind: Kind, limits: Limits) -> dict[str, Any]:
    """What a layer is called with beside arrays, which for most is nothing."""
    for name, value in node.arguments.items():
        if name not in kind.call and value is not None:
            raise SpecError(f"{node.path}.arguments.{shown(name)}", "the layer is not called with it, only on arrays")
    return arguments(node.arguments, kind.call, f"{node.path}.arguments", limits)


def _profiles(reported: Description, arm: Description) -> list[tuple[Shape, Shape]]:
    """Shapes of the inputs in the data, as reported and as the arm has them."""

    def shapes(description: Description) -> tuple[ArrayProfile, ...]:
        return description.data.inputs if description.data is not None else ()

    return [(before.shape, after.shape) for before, after in zip(shapes(reported), shapes(arm), strict=False)]


def _followed(shape: Shape, before: Shape, after: Shape) -> Shape:
    """An input's shape once the samples have another one: it follows where it fitted before."""
    if before == after or len(shape) != len(before):
        return shape
    if len(after) != len(before):
        return after if shape[1:] == before[1:] else shape
    return tuple(new if size == old else size for size, old, new in zip(shape, before, after, strict=True))
