"""Graphs that no model has."""

from collections.abc import Iterator
from typing import Any

from paramedic.v1.description_pb2 import LayerConfig, ModelConfig
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from support.hostile.case import CODE, NAN, Hostile, modelled
from support.specs import given, layer, model, node, spec


def graphs() -> Iterator[Hostile]:
    """Graphs that no model has."""

    def fed(name: str, *inputs: str, kind: str = "Dense") -> LayerConfig:
        config = layer(kind, name, 3 if kind == "Dense" else None)
        config.inputs.extend(inputs)
        return config

    start = given(10, 3)
    second, third = "description.model.layers[1].inputs", "description.model.layers[2].inputs"
    yield modelled("a layer that reads itself", f"{second}[0]", start, fed("a", "a"))
    yield modelled("two layers that read each other", second, start, fed("a", "b"), fed("b", "a"))
    yield modelled("a circle of three", second, start, fed("a", "c"), fed("b", "a"), fed("c", "b"))
    yield modelled("an input from nowhere", f"{second}[0]", start, fed("a", "nowhere"))
    yield modelled("an input that is a path", f"{second}[0]", start, fed("a", "/etc/passwd"))
    yield modelled("more inputs than a layer reads", third, start, fed("a", "given"), fed("b", "a", "given"))
    yield modelled("an addition of unlike arrays", "description.model.layers[3].inputs", start, fed("a", "given"),
                    layer("Flatten", "f"), fed("s", "a", "f", kind="Add"))  # fmt: skip
    yield modelled("ten thousand inputs of a layer", second, start, fed("a", *(["given"] * 10_000)))
    yield Hostile("a model without layers", "description.model.layers", lambda: spec(ModelConfig()))
    yield modelled("a thousand layers", "description.model.layers", *(layer("Identity", f"i{n}") for n in range(1_000)))
    yield Hostile("a forward pass of its own", "description.model.opaque", lambda: spec(_opaque()))

    def described(what: str, field: str, *nodes: Any, outputs: tuple[str, ...] = ("dense",)) -> Hostile:
        def make() -> ReproductionSpec:
            config = model(given(10, 3), layer("Dense", "dense", 3))
            config.nodes.extend(nodes)
            config.outputs.extend(outputs)
            return spec(config)

        return Hostile(what, field, make)

    first, other = "description.model.nodes[0]", "description.model.nodes[1]"
    begin = node("given")
    yield described("a node that reads itself", f"{other}.inputs[0]", begin, node("dense", "dense"))
    yield described(
        "nodes in a circle", f"{other}.inputs", begin, node("dense", "x"), node("x", "dense", operation="Exp")
    )
    yield described("a node without a name", f"{first}.name", node("", operation="Exp"))
    yield described("a node of an unknown layer", f"{other}.layer", begin, node("nowhere", "given"))
    yield described("a node twice", f"{other}.name", begin, node("given"))
    yield described(
        "an output from nowhere", "description.model.outputs[0]", begin, node("dense", "given"), outputs=("x",)
    )
    yield described("no outputs", "description.model.outputs", begin, node("dense", "given"), outputs=())
    yield described(
        "a hundred outputs", "description.model.outputs", begin, node("dense", "given"), outputs=("dense",) * 100
    )
    for operation in ("PyFunc", "Lambda", "eval", "ReadFile", "Einsum", "Map", "CustomOp>Evil", "add", CODE):
        yield described(
            f"the operation {operation!r}",
            f"{other}.operation",
            begin,
            node("x", "given", operation=operation),
            outputs=("x",),
        )
    for what, operation, arguments, field in (
        ("by NaN", "Multiply", {"x2": NAN}, "x2"), ("by 1e308", "Multiply", {"x2": 1e308}, "x2"),
        ("by text", "Add", {"x2": CODE}, "x2"), ("by an array", "Add", {"x2": [1.0] * 4_000}, "x2"),
        ("with code", "Add", {"code": CODE}, "code"), ("over the batch", "Mean", {"axis": 0}, "axis"),
        ("over no axis", "Sum", {}, "axis"), ("over axis 9", "Max", {"axis": 9}, "axis"),
        ("to 10^12 numbers", "Reshape", {"newshape": [-1, 10**12]}, "newshape[1]"),
        ("out of its bounds", "GetItem", {"key": [{"slice": [None, None, None]}, 99]}, "key"),
        ("by a name", "GetItem", {"key": ["__class__"]}, "key[0]"),
        ("within the batch", "GetItem", {"key": [0]}, "key"),
        ("by a step of zero", "GetItem", {"key": [{"slice": [None, None, 0]}]}, "key[0].slice[2]"),
        ("to texts", "Cast", {"dtype": "string"}, "dtype"),
    ):  # fmt: skip
        yield described(
            f"the operation {operation} {what}", f"{other}.arguments.{field}", begin,
            node("x", "given", operation=operation, **arguments), outputs=("x",),
        )  # fmt: skip
    yield described("a layer called with code", f"{other}.arguments.'mask'", begin, node("dense", "given", mask=CODE))
    yield described("an addition of one", f"{other}.inputs", begin, node("x", "given", operation="Add"), outputs=("x",))


def _opaque() -> ModelConfig:
    config = model(layer("Dense", "a", 3))
    config.opaque = True
    return config
