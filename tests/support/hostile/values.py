"""Values of another kind than the setting's, settings within settings, and layers within layers."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

from paramedic.v1.reproduction_pb2 import ReproductionSpec
from support.hostile.case import CODE, FIRST, INF, MARSHALLED, NAN, Hostile, modelled
from support.hostile.code import dense
from support.specs import layer, spec


def settings() -> Iterator[Hostile]:
    """Values of another kind than the setting's."""
    for what, value in (
        ("NaN", NAN), ("infinite", INF), ("minus infinity", -INF), ("negative", -0.5), ("above 1", 1.5),
        ("exactly 1", 1.0),
        ("text", "0.5"), ("true", True), ("a list", [0.5]), ("settings", {"value": 0.5}), ("huge", 1e308),
    ):  # fmt: skip
        yield modelled(f"a dropout rate: {what}", f"{FIRST}.settings.rate", layer("Dropout", "a", rate=value))
    for what, value in (("a number", 1), ("zero", 0), ("text", "true"), ("a list", [])):
        yield modelled(f"use_bias: {what}", f"{FIRST}.settings.use_bias", dense(use_bias=value))
    for what, value in (
        ("a half", 2.5), ("NaN", NAN), ("infinite", INF), ("zero", 0), ("negative", -3), ("text", "3"), ("true", True),
        ("a list", [3]), ("huge", 1e300), ("2^53", 2.0**53),
    ):  # fmt: skip
        yield modelled(
            f"words of an embedding: {what}", f"{FIRST}.settings.input_dim",
            layer("Embedding", "a", input_dim=value, output_dim=4), shape=(10,),
        )  # fmt: skip
    for setting, value in (
        ("kernel_size", [3, 3]), ("kernel_size", []), ("kernel_size", 0), ("kernel_size", 1e9), ("strides", -1),
        ("padding", "SAME"), ("padding", 1), ("data_format", "channels_first"), ("dilation_rate", NAN), ("groups", 0),
        ("groups", 2.5),
    ):  # fmt: skip
        convolution = {"kernel_size": 3, setting: value}
        yield modelled(
            f"a convolution's {setting}: {value}", f"{FIRST}.settings.{setting}",
            layer("Conv1D", "a", 4, **convolution),
        )  # fmt: skip
    for setting, value in (
        ("stateful", True), ("return_state", True), ("return_sequences", 1), ("recurrent_activation", "evil"),
        ("unroll", "yes"), ("time_major", True), ("implementation", 99), ("dropout", -1),
    ):  # fmt: skip
        yield modelled(
            f"an LSTM's {setting}: {value}", f"{FIRST}.settings.{setting}", layer("LSTM", "a", 3, **{setting: value})
        )
    yield modelled("a Dense without units", f"{FIRST}.units", layer("Dense", "a"))
    yield modelled("a Flatten with units", f"{FIRST}.units", layer("Flatten", "a", 3))
    yield modelled("a Flatten with an activation", f"{FIRST}.activation", layer("Flatten", "a", None, "relu"))
    yield modelled("an axis that is not there", f"{FIRST}.settings.axis", layer("BatchNormalization", "a", axis=5))
    yield modelled("the axis of the batch", f"{FIRST}.settings.axis", layer("LayerNormalization", "a", axis=[0]))
    yield modelled("an epsilon that is not", f"{FIRST}.settings.epsilon", layer("LayerNormalization", "a", epsilon=NAN))


def nesting() -> Iterator[Hostile]:
    """Settings within settings, and layers within layers."""
    for depth in (13, 100, 1_000):
        yield Hostile(
            f"settings {depth} deep", f"{FIRST}.settings",
            lambda depth=depth: _with_struct(_deep_settings(depth)),
        )  # fmt: skip
        yield Hostile(
            f"lists {depth} deep", f"{FIRST}.settings",
            lambda depth=depth: _with_struct(_deep_lists(depth)),
        )  # fmt: skip
    inner = f"{FIRST}.settings.layer"
    wrapped: dict[str, Any] = {"class_name": "Dense", "config": {"units": 3}}
    yield modelled(
        "a wrapper within a wrapper", f"{inner}.class_name",
        layer("TimeDistributed", "a", layer={"class_name": "TimeDistributed", "config": {"layer": wrapped}}),
    )  # fmt: skip
    for what, value, field in (
        ("a Lambda", {"class_name": "Lambda", "config": {"function": MARSHALLED}}, f"{inner}.class_name"),
        ("a model", {"class_name": "Sequential", "config": {"layers": []}}, f"{inner}.class_name"),
        ("a layer from a module", {"class_name": "Dense", "module": "os", "config": {}}, f"{inner}.module"),
        ("text", "Dense", f"{inner}.units"),
        ("a number", 3, inner),
        ("nothing but a class", {"class_name": "Dense"}, f"{inner}.config.units"),
        ("2^60 units", {"class_name": "Dense", "config": {"units": 2**60}}, f"{inner}.config.units"),
        ("a foreign setting", {"class_name": "Dense", "config": {"units": 3, "code": CODE}}, f"{inner}.config.code"),
        ("a foreign activation", {"class_name": "Dense", "config": {"units": 3, "activation": CODE}},
         f"{inner}.config.activation"),
    ):  # fmt: skip
        yield modelled(f"a wrapper of {what}", field, layer("TimeDistributed", "a", layer=value))
    yield modelled(
        "both ways through a Dense", f"{inner}.class_name",
        layer("Bidirectional", "a", layer={"class_name": "Dense", "config": {"units": 3}}),
    )  # fmt: skip
    yield modelled("a wrapper of nothing", f"{FIRST}.settings.layer", layer("Bidirectional", "a"))
    cell = f"{FIRST}.settings.cell"
    for what, value, field in (
        ("no cell", None, cell),
        ("a cell of one's own", {"class_name": "MyCell", "config": {"units": 3}}, f"{cell}.class_name"),
        ("no cells", [], cell), ("a hundred cells", [{"class_name": "GRUCell", "config": {"units": 1}}] * 100, cell),
        ("a layer for a cell", {"class_name": "LSTM", "config": {"units": 3}}, f"{cell}.class_name"),
    ):  # fmt: skip
        settings = {} if value is None else {"cell": value}
        yield modelled(f"a loop over {what}", field, layer("RNN", "a", **settings))


def _with_struct(settings: Struct) -> ReproductionSpec:
    message = spec()
    message.description.model.layers[0].settings.CopyFrom(settings)
    return message


def _deep_settings(depth: int) -> Struct:
    tree = Struct()
    for _ in range(depth):
        outer = Struct()
        outer.fields["layer"].struct_value.CopyFrom(tree)
        tree = outer
    return tree


def _deep_lists(depth: int) -> Struct:
    value = Value(number_value=1.0)
    for _ in range(depth):
        outer = Value()
        outer.list_value.values.add().CopyFrom(value)
        value = outer
    tree = Struct()
    tree.fields["axis"].CopyFrom(value)
    return tree
