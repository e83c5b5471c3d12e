"""Specifications that mean harm, or cannot be meant: each with the field that a refusal has to name."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

from paramedic.v1.description_pb2 import ArrayProfile, LayerConfig, LossConfig, ModelConfig
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic.v1.run_pb2 import RunIdentity
from support.specs import arm, given, layer, model, node, spec, struct

Change = Callable[[ReproductionSpec], None]

CODE = "__import__('os').system('touch /tmp/pwned')"
MARSHALLED = "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMIAAAAfABkARQAUwApAk7pAgAAAKkA"
FIRST, SECOND = "description.model.layers[0]", "description.model.layers[1]"
NAN, INF = math.nan, math.inf


@dataclass(frozen=True, slots=True)
class Hostile:
    """A hostile specification.

    Attributes:
        id: What is hostile about it.
        field: The field that the refusal has to name.
        make: Makes it.
    """

    id: str
    field: str
    make: Callable[[], ReproductionSpec]


def cases() -> list[Hostile]:
    """All of them, each with an id of its own."""
    groups = (
        _code, _names, _settings, _sizes, _overflows, _nesting, _graphs, _optimizers, _losses, _trainings, _profiles,
        _sources, _patches, _growth, _counts, _workloads, _bombs,
    )  # fmt: skip
    found = [each for group in groups for each in group()]
    ids = [each.id for each in found]
    assert len(set(ids)) == len(ids), sorted(each for each in ids if ids.count(each) > 1)
    return found


def _changed(id: str, field: str, change: Change) -> Hostile:
    def make() -> ReproductionSpec:
        message = spec()
        change(message)
        return message

    return Hostile(id, field, make)


def _modelled(id: str, field: str, *layers: LayerConfig, shape: tuple[int, ...] = (10, 3)) -> Hostile:
    copies = [LayerConfig.FromString(each.SerializeToString()) for each in layers]
    return Hostile(id, field, lambda: spec(model(*(_copy(each) for each in copies), shape=shape)))


def _copy(config: LayerConfig) -> LayerConfig:
    return LayerConfig.FromString(config.SerializeToString())


def _patched(id: str, patch: Mapping[str, Any], field: str = "arms[1].patch") -> Hostile:
    return Hostile(id, field, lambda: spec(None, arm(patch)))


def _dense(**settings: Any) -> LayerConfig:
    return layer("Dense", "dense", 3, **settings)


def _code() -> Iterator[Hostile]:
    """Code, and names that something could be imported by."""
    kinds = (
        "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "Pipeline", "StringLookup",
        "TextVectorization", "SpectralNormalization", "Wrapper", "Layer", "Sequential", "Functional", "Model",
        "MyCompany>Attention", "Custom>Dense", "keras.layers.Dense", "keras.src.layers.core.dense.Dense", "os.system",
        "builtins.eval", "subprocess.Popen", "__class__", "__builtins__", "Dense()", "dense", "DENSE", "Dense ",
        "Dense\n", "", "../../etc/passwd", "C:\\Windows\\System32", "file:///etc/passwd", "http://169.254.169.254/",
        CODE, f"lambda x: {CODE}", "{{7*7}}", "${jndi:ldap://a/b}", "%s%s%n", "'; DROP TABLE runs; --",
    )  # fmt: skip
    for kind in kinds:
        yield _modelled(f"a layer of the kind {kind!r}", f"{FIRST}.kind", LayerConfig(name="first", kind=kind, units=3))
    yield _modelled(
        "a Lambda with marshalled code", f"{FIRST}.kind",
        layer("Lambda", "first", function={"class_name": "__lambda__", "config": {"code": MARSHALLED}}),
    )  # fmt: skip
    for setting, value in (
        ("function", MARSHALLED), ("module", "os"), ("registered_name", "Evil>Dense"), ("fn", CODE), ("call", CODE),
        ("build_config", {"input_shape": [1]}), ("custom_objects", {"Dense": CODE}), ("__class__", "Popen"),
        ("__reduce__", ["os.system", ["id"]]), ("lora_rank", 4), ("quantization_config", {"class_name": "X"}),
        ("filepath", "/etc/passwd"), ("vocabulary", "/etc/passwd"), ("weights", [[1.0]]), ("url", "http://evil"),
    ):  # fmt: skip
        yield _modelled(
            f"a Dense with the setting {setting}", f"{FIRST}.settings.{setting}", _dense(**{setting: value})
        )
    within = f"{FIRST}.settings.kernel_initializer"
    for name, value, field in (
        ("from a module", {"module": "os", "class_name": "system", "config": {}}, f"{within}.module"),
        ("with a registered name", {"registered_name": "a>B", "class_name": "Zeros"}, f"{within}.registered_name"),
        ("of a foreign class", {"class_name": "Evil", "config": {}}, within),
        ("of a class that is a list", {"class_name": ["Zeros"], "config": {}}, f"{within}.class_name"),
        ("without a class", {"config": {}}, f"{within}.class_name"),
        ("with a configuration of text", {"class_name": "Zeros", "config": CODE}, f"{within}.config"),
        ("with a foreign argument", {"class_name": "Zeros", "config": {"code": CODE}}, f"{within}.config.code"),
        ("that is code", CODE, within),
        ("that is a path", "../../weights.pkl", within),
        ("that is a number", 3, within),
        ("that is a list", ["zeros"], within),
        ("that is true", True, within),
        ("of an array", {"class_name": "Constant", "config": {"value": [1.0, 2.0]}}, f"{within}.config.value"),
        ("of no number", {"class_name": "Constant", "config": {"value": "1.0"}}, f"{within}.config.value"),
        ("not finite", {"class_name": "RandomNormal", "config": {"stddev": INF}}, f"{within}.config.stddev"),
        ("NaN", {"class_name": "Orthogonal", "config": {"gain": NAN}}, f"{within}.config.gain"),
        ("negative", {"class_name": "RandomNormal", "config": {"stddev": -1.0}}, f"{within}.config.stddev"),
        ("seeded by an object", {"class_name": "RandomNormal", "config": {"seed": {"class_name": "S"}}},
         f"{within}.config.seed"),
    ):  # fmt: skip
        yield _modelled(f"an initialiser {name}", field, _dense(kernel_initializer=value))
    for setting in ("kernel_regularizer", "bias_constraint", "activity_regularizer"):
        yield _modelled(
            f"a {setting} of one's own", f"{FIRST}.settings.{setting}",
            _dense(**{setting: {"class_name": "Mine", "config": {}}}),
        )  # fmt: skip
    for activation in (
        "<lambda>",
        "eval",
        "my_activation",
        "os.system",
        "keras.activations.relu",
        "RELU",
        "relu\0",
        CODE,
    ):
        yield _modelled(
            f"the activation {activation!r}", f"{FIRST}.activation",
            LayerConfig(name="first", kind="Dense", units=3, activation=activation),
        )  # fmt: skip
    for name, value, field in (
        ("a function", {"class_name": "function", "config": "evil"}, ""),
        ("a function with settings", {"class_name": "function", "config": {}}, ""),
        ("a Lambda", {"class_name": "Lambda", "config": {"function": MARSHALLED}}, ""),
        ("a layer with weights", {"class_name": "PReLU", "config": {}}, ""),
        ("a function from a module", {"class_name": "function", "module": "os", "config": "relu"}, ".module"),
    ):
        yield _with_settings(f"an activation that is {name}", f"{FIRST}.settings.activation{field}", value)
    for name, value, field in (
        ("a policy of one's own", {"class_name": "Evil", "config": {"name": "float32"}}, "dtype"),
        ("a policy without a name", {"class_name": "DTypePolicy", "config": {}}, "dtype.config.name"),
        ("a quantised policy", "int8_from_float32", "dtype"),
        ("complex numbers", "complex128", "dtype"),
        ("texts", "string", "dtype"),
        ("a number of bits", 32, "dtype"),
    ):
        yield _modelled(f"a layer of {name}", f"{FIRST}.settings.{field}", _dense(dtype=value))


def _with_settings(id: str, field: str, activation: Any) -> Hostile:
    def make() -> ReproductionSpec:
        first = LayerConfig(name="first", kind="Dense", units=3, settings=struct({"activation": activation}))
        return spec(model(first))

    return Hostile(id, field, make)


def _names() -> Iterator[Hostile]:
    """Names that mislead: whoever reads them, or whatever takes them for a path."""
    field = f"{FIRST}.name"
    for what, name in (
        ("empty", ""), ("blank", "   "), ("dots", ".."), ("a traversal", "../../etc/passwd"), ("absolute", "/etc/passwd"),
        ("a traversal within", "encoder/../../secret"), ("a backslash", "..\\..\\boot.ini"), ("an empty part", "a//b"),
        ("a trailing slash", "a/"), ("a dot", "encoder/./a"), ("NUL", "dense\0.png"), ("a line break", "a\nb"),
        ("a carriage return", "a\rb"), ("an escape sequence", "\x1b[2J"), ("a bell", "a\x07"), ("zero width", "den\u200bse"),
        ("a joiner", "den\u200dse"), ("right to left", "\u202eesned"), ("an isolate", "\u2066dense\u2069"),
        ("a byte order mark", "\ufeffdense"), ("a soft hyphen", "den\u00adse"), ("a line separator", "a\u2028b"),
        ("a paragraph separator", "a\u2029b"), ("private use", "\ue000"), ("unassigned", "\u0378"),
        ("decomposed", "cafe\u0301"), ("many marks", "z" + "\u0335" * 40 + "\u0301" * 40 + "\u0316" * 600),
        ("a tag", "dense\U000e0041"), ("very long", "x" * 513), ("a megabyte", "x" * 2**20), ("a C1 control", "a\x85b"),
    ):  # fmt: skip
        yield _modelled(f"a name: {what}", field, LayerConfig(name=name, kind="Dense", units=3))
    yield _modelled("a name twice", "description.model.layers[1].name", layer("Dense", "a", 3), layer("Dense", "a", 3))
    homoglyphs = (
        "D\u0435nse",
        "LS\u03a4M",
        "\uff24\uff45\uff4e\uff53\uff45",
        "De\u200bnse",
        "Dense\u202e",
        "\u202eesneD",
        "Dense\0",
    )
    for kind in homoglyphs:
        yield _modelled(
            f"a kind that looks like another: {ascii(kind)}", f"{FIRST}.kind", LayerConfig(name="a", kind=kind, units=3)
        )
    for key in ("r\u0430te", "rate\u200b", "rate\0", "\u202erate", "../rate", "a" * 500):
        yield _modelled(
            f"a setting that looks like another: {ascii(key)[:20]}",
            _keyed(f"{FIRST}.settings", key), layer("Dropout", "a", rate=0.1, **{key: 0.1}),
        )  # fmt: skip
    yield _changed("a title with controls", "title", lambda s: setattr(s, "title", "a\x1b[31mb"))
    yield _changed("a title that is a book", "title", lambda s: setattr(s, "title", "x" * 10_000))


def _keyed(prefix: str, key: str) -> str:
    return f"{prefix}.{ascii(key) if len(key) <= 60 else ascii(key[:60]) + f'... ({len(key)} characters)'}"


def _settings() -> Iterator[Hostile]:
    """Values of another kind than the setting's."""
    for what, value in (
        ("NaN", NAN), ("infinite", INF), ("minus infinity", -INF), ("negative", -0.5), ("above 1", 1.5), ("exactly 1", 1.0),
        ("text", "0.5"), ("true", True), ("a list", [0.5]), ("settings", {"value": 0.5}), ("huge", 1e308),
    ):  # fmt: skip
        yield _modelled(f"a dropout rate: {what}", f"{FIRST}.settings.rate", layer("Dropout", "a", rate=value))
    for what, value in (("a number", 1), ("zero", 0), ("text", "true"), ("a list", [])):
        yield _modelled(f"use_bias: {what}", f"{FIRST}.settings.use_bias", _dense(use_bias=value))
    for what, value in (
        ("a half", 2.5), ("NaN", NAN), ("infinite", INF), ("zero", 0), ("negative", -3), ("text", "3"), ("true", True),
        ("a list", [3]), ("huge", 1e300), ("2^53", 2.0**53),
    ):  # fmt: skip
        yield _modelled(
            f"words of an embedding: {what}", f"{FIRST}.settings.input_dim",
            layer("Embedding", "a", input_dim=value, output_dim=4), shape=(10,),
        )  # fmt: skip
    for setting, value in (
        ("kernel_size", [3, 3]), ("kernel_size", []), ("kernel_size", 0), ("kernel_size", 1e9), ("strides", -1),
        ("padding", "SAME"), ("padding", 1), ("data_format", "channels_first"), ("dilation_rate", NAN), ("groups", 0),
        ("groups", 2.5),
    ):  # fmt: skip
        convolution = {"kernel_size": 3, setting: value}
        yield _modelled(
            f"a convolution's {setting}: {value}", f"{FIRST}.settings.{setting}",
            layer("Conv1D", "a", 4, **convolution),
        )  # fmt: skip
    for setting, value in (
        ("stateful", True), ("return_state", True), ("return_sequences", 1), ("recurrent_activation", "evil"),
        ("unroll", "yes"), ("time_major", True), ("implementation", 99), ("dropout", -1),
    ):  # fmt: skip
        yield _modelled(
            f"an LSTM's {setting}: {value}", f"{FIRST}.settings.{setting}", layer("LSTM", "a", 3, **{setting: value})
        )
    yield _modelled("a Dense without units", f"{FIRST}.units", layer("Dense", "a"))
    yield _modelled("a Flatten with units", f"{FIRST}.units", layer("Flatten", "a", 3))
    yield _modelled("a Flatten with an activation", f"{FIRST}.activation", layer("Flatten", "a", None, "relu"))
    yield _modelled("an axis that is not there", f"{FIRST}.settings.axis", layer("BatchNormalization", "a", axis=5))
    yield _modelled("the axis of the batch", f"{FIRST}.settings.axis", layer("LayerNormalization", "a", axis=[0]))
    yield _modelled(
        "an epsilon that is not", f"{FIRST}.settings.epsilon", layer("LayerNormalization", "a", epsilon=NAN)
    )


def _sizes() -> Iterator[Hostile]:
    """What would not fit into any memory."""
    for units in (8_193, 2**31, 2**53, 2**63, 2**64 - 1):
        yield _modelled(f"{units} units", f"{FIRST}.units", layer("Dense", "a", units))
    yield _modelled("no units", f"{FIRST}.units", layer("LSTM", "a", 0))
    yield _modelled("2^60 filters", f"{FIRST}.units", layer("Conv1D", "a", 2**60, kernel_size=3))
    shape = f"{FIRST}.input_shape"
    for what, sizes, field in (
        ("a billion steps", (10**9, 3), f"{shape}[1]"), ("2^62 features", (10, 2**62), f"{shape}[2]"),
        ("a negative size", (10, -7), f"{shape}[2]"), ("no features", (10, 0), f"{shape}[2]"),
        ("3000 steps", (3_000, 3), f"{shape}[1]"), ("a large square", (1_500, 1_500), shape),
    ):  # fmt: skip
        yield _modelled(f"an input with {what}", field, layer("LSTM", "a", 4), shape=sizes)
    yield _modelled("an input with fifty axes", shape, layer("Dense", "a", 4), shape=(2,) * 50)
    yield _modelled(
        "a billion words", f"{FIRST}.settings.input_dim", layer("Embedding", "a", input_dim=1e9, output_dim=4)
    )
    yield _modelled(
        "words of a million numbers",
        f"{FIRST}.settings.output_dim",
        layer("Embedding", "a", input_dim=9, output_dim=1e6),
    )
    yield _modelled("a vector repeated for ever", "description.model.layers[1].settings.n",
                    layer("Flatten", "f"), layer("RepeatVector", "a", n=1e12))  # fmt: skip
    yield _modelled(
        "a million heads",
        f"{SECOND}.settings.num_heads",
        given(10, 3),
        layer("MultiHeadAttention", "a", num_heads=1e6, key_dim=8),
    )
    yield _modelled(
        "keys of 2^40 numbers",
        f"{SECOND}.settings.key_dim",
        given(10, 3),
        layer("MultiHeadAttention", "a", num_heads=1, key_dim=2**40),
    )
    yield _modelled(
        "a reshape to nothing", f"{FIRST}.settings.target_shape[0]", layer("Reshape", "a", target_shape=[0, 30])
    )
    yield _modelled("a reshape to more", f"{FIRST}.settings.target_shape", layer("Reshape", "a", target_shape=[10, 4]))
    yield _modelled(
        "a reshape to 10^18", f"{FIRST}.settings.target_shape[0]", layer("Reshape", "a", target_shape=[1e18])
    )
    yield _modelled(
        "a reshape to -1 twice", f"{FIRST}.settings.target_shape", layer("Reshape", "a", target_shape=[-1, -1])
    )
    yield _modelled("padding of 2^31 rows", f"{FIRST}.settings.padding", layer("ZeroPadding1D", "a", padding=2**31))
    yield _modelled("cropping of everything", f"{FIRST}.settings.cropping", layer("Cropping1D", "a", cropping=[5, 5]))
    yield _modelled("2^40 times as large", f"{FIRST}.settings.size", layer("UpSampling1D", "a", size=2**40))
    yield _modelled("a window larger than its input", f"{FIRST}.input_shape", layer("Conv1D", "a", 4, kernel_size=11))
    yield _modelled("a pool larger than its input", f"{FIRST}.input_shape", layer("MaxPooling1D", "a", pool_size=1000))


def _overflows() -> Iterator[Hostile]:
    """What is within bounds one by one, and too large together."""
    wide = [layer("Dense", f"dense_{place}", 8_192) for place in range(6)]
    yield _modelled("layers of 8192 units", "description.model.layers[1]", *wide)
    yield _modelled("a wide layer on many features", FIRST, layer("Dense", "a", 8_192), shape=(8_000,))
    yield _modelled("a large LSTM", FIRST, layer("LSTM", "a", 8_192))
    yield _modelled(
        "a large embedding", FIRST, layer("Embedding", "a", input_dim=200_000, output_dim=8_192), shape=(10,)
    )
    yield _modelled(
        "large attention", SECOND, given(10, 3), layer("MultiHeadAttention", "a", num_heads=256, key_dim=8_192)
    )
    grown = [layer("UpSampling1D", f"up_{place}", size=1_024) for place in range(8)]
    yield _modelled("growth by 1024, again and again", FIRST, *grown, shape=(200, 3))
    yield _modelled("a kernel of 60 x 60", FIRST, layer("Conv2D", "a", 512, kernel_size=[60, 60]), shape=(64, 64, 8))
    yield _modelled("padding of an image", FIRST, layer("ZeroPadding2D", "a", padding=1_000), shape=(8, 8, 1))
    for batch in (4_096, 8_192):
        yield Hostile(
            f"long sequences in batches of {batch}", "description.model.layers",
            lambda batch=batch: _with_batch(spec(model(layer("LSTM", "a", 64, return_sequences=True), shape=(2_000, 8))), batch),
        )  # fmt: skip
    many = [layer("Dense", f"d{place}", 900) for place in range(8)]
    yield _modelled("many layers of 900 units", "description.model.layers[7]", *many)
    yield _modelled(
        "a bidirectional layer of wide layers", FIRST,
        layer("Bidirectional", "a", layer={"class_name": "LSTM", "config": {"units": 1_500}}),
    )  # fmt: skip
    yield _modelled(
        "cells upon cells", FIRST,
        layer("RNN", "a", cell=[{"class_name": "LSTMCell", "config": {"units": 700}}] * 32),
    )  # fmt: skip
    yield _modelled("outputs multiplied", FIRST, layer("Dense", "a", 8_000), shape=(2_000, 3))


def _with_batch(message: ReproductionSpec, batch: int) -> ReproductionSpec:
    message.description.training.batch_size = batch
    return message


def _nesting() -> Iterator[Hostile]:
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
    yield _modelled(
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
        yield _modelled(f"a wrapper of {what}", field, layer("TimeDistributed", "a", layer=value))
    yield _modelled(
        "both ways through a Dense", f"{inner}.class_name",
        layer("Bidirectional", "a", layer={"class_name": "Dense", "config": {"units": 3}}),
    )  # fmt: skip
    yield _modelled("a wrapper of nothing", f"{FIRST}.settings.layer", layer("Bidirectional", "a"))
    cell = f"{FIRST}.settings.cell"
    for what, value, field in (
        ("no cell", None, cell), ("a cell of one's own", {"class_name": "MyCell", "config": {"units": 3}}, f"{cell}.class_name"),
        ("no cells", [], cell), ("a hundred cells", [{"class_name": "GRUCell", "config": {"units": 1}}] * 100, cell),
        ("a layer for a cell", {"class_name": "LSTM", "config": {"units": 3}}, f"{cell}.class_name"),
    ):  # fmt: skip
        settings = {} if value is None else {"cell": value}
        yield _modelled(f"a loop over {what}", field, layer("RNN", "a", **settings))


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


def _graphs() -> Iterator[Hostile]:
    """Graphs that no model has."""

    def fed(name: str, *inputs: str, kind: str = "Dense") -> LayerConfig:
        config = layer(kind, name, 3 if kind == "Dense" else None)
        config.inputs.extend(inputs)
        return config

    start = given(10, 3)
    second, third = "description.model.layers[1].inputs", "description.model.layers[2].inputs"
    yield _modelled("a layer that reads itself", f"{second}[0]", start, fed("a", "a"))
    yield _modelled("two layers that read each other", second, start, fed("a", "b"), fed("b", "a"))
    yield _modelled("a circle of three", second, start, fed("a", "c"), fed("b", "a"), fed("c", "b"))
    yield _modelled("an input from nowhere", f"{second}[0]", start, fed("a", "nowhere"))
    yield _modelled("an input that is a path", f"{second}[0]", start, fed("a", "/etc/passwd"))
    yield _modelled("more inputs than a layer reads", third, start, fed("a", "given"), fed("b", "a", "given"))
    yield _modelled("an addition of unlike arrays", "description.model.layers[3].inputs", start, fed("a", "given"),
                    layer("Flatten", "f"), fed("s", "a", "f", kind="Add"))  # fmt: skip
    yield _modelled("ten thousand inputs of a layer", second, start, fed("a", *(["given"] * 10_000)))
    yield Hostile("a model without layers", "description.model.layers", lambda: spec(ModelConfig()))
    yield _modelled(
        "a thousand layers", "description.model.layers", *(layer("Identity", f"i{n}") for n in range(1_000))
    )
    yield Hostile("a forward pass of its own", "description.model.opaque", lambda: spec(_opaque()))

    def described(id: str, field: str, *nodes: Any, outputs: tuple[str, ...] = ("dense",)) -> Hostile:
        def make() -> ReproductionSpec:
            config = model(given(10, 3), layer("Dense", "dense", 3))
            config.nodes.extend(nodes)
            config.outputs.extend(outputs)
            return spec(config)

        return Hostile(id, field, make)

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
        ("by a name", "GetItem", {"key": ["__class__"]}, "key[0]"), ("within the batch", "GetItem", {"key": [0]}, "key"),
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


def _optimizers() -> Iterator[Hostile]:
    path = "description.optimizer"

    def changed(id: str, field: str, **fields: Any) -> Hostile:
        def change(message: ReproductionSpec) -> None:
            for name, value in fields.items():
                if name == "settings":
                    message.description.optimizer.settings.CopyFrom(struct(value))
                else:
                    setattr(message.description.optimizer, name, value)

        return _changed(id, f"{path}.{field}", change)

    for name in (
        "",
        "Adam",
        "mine",
        "keras.optimizers.Adam",
        "os.system",
        "lossscaleoptimizer",
        "multioptimizer",
        CODE,
        "\u0430dam",
    ):
        yield changed(f"the optimizer {name!r}", "name", name=name)
    for rate in (NAN, INF, -INF, -1e-3, 1e300):
        yield changed(f"a learning rate of {rate}", "learning_rate", learning_rate=rate)
    for bound in ("clipnorm", "clipvalue", "global_clipnorm"):
        for value in (NAN, INF, 0.0, -1.0):
            yield changed(f"a {bound} of {value}", bound, **{bound: value})
    yield changed("two ways of clipping at once", "clipnorm", clipnorm=1.0, clipvalue=1.0)
    for setting, value in (
        ("beta_1", NAN), ("beta_1", 2.0), ("beta_1", "0.9"), ("beta_2", True), ("epsilon", -1.0), ("epsilon", INF),
        ("amsgrad", 1), ("momentum", 0.9), ("weight_decay", NAN), ("use_ema", True), ("loss_scale_factor", 1e30),
        ("gradient_accumulation_steps", 1e9), ("module", "os"), ("__reduce__", CODE), ("exclude_layers", ["(a+)+$"]),
    ):  # fmt: skip
        yield changed(f"Adam's {setting}: {value}", f"settings.{setting}", settings={setting: value})
    yield changed("a schedule of one's own", "schedule", schedule="Restarts", settings={"learning_rate": {}})
    yield changed("a schedule without numbers", "settings.learning_rate", schedule="CosineDecay")
    rate = "settings.learning_rate"
    for what, kind, config, field in (
        ("of no steps", "ExponentialDecay", {"initial_learning_rate": 1.0, "decay_steps": 0, "decay_rate": 0.9}, "decay_steps"),
        ("of NaN", "ExponentialDecay", {"initial_learning_rate": NAN, "decay_steps": 9, "decay_rate": 0.9}, "initial_learning_rate"),
        ("without an end", "CosineDecay", {"initial_learning_rate": 1.0}, "decay_steps"),
        ("with code", "CosineDecay", {"initial_learning_rate": 1.0, "decay_steps": 9, "fn": CODE}, "fn"),
        ("of ten thousand pieces", "PiecewiseConstantDecay", {"boundaries": list(range(4_000)), "values": [1.0]}, "boundaries"),
        ("of pieces out of order", "PiecewiseConstantDecay", {"boundaries": [5, 2], "values": [1.0, 2.0, 3.0]}, "boundaries"),
    ):  # fmt: skip
        yield changed(f"a schedule {what}", f"{rate}.config.{field}", schedule=kind,
                      settings={"learning_rate": {"class_name": kind, "config": config}})  # fmt: skip
    yield changed("a schedule of two names", rate, schedule="CosineDecay",
                  settings={"learning_rate": {"class_name": "ExponentialDecay", "config": {}}})  # fmt: skip
    yield changed("a schedule from a module", f"{rate}.module", schedule="CosineDecay",
                  settings={"learning_rate": {"class_name": "CosineDecay", "module": "os", "config": {}}})  # fmt: skip
    yield _changed("no optimizer", path, lambda s: s.description.ClearField("optimizer"))


def _losses() -> Iterator[Hostile]:
    path = "description.losses[0]"

    def changed(id: str, field: str, loss: LossConfig) -> Hostile:
        def change(message: ReproductionSpec) -> None:
            del message.description.losses[:]
            message.description.losses.append(loss)

        return _changed(id, f"{path}.{field}", change)

    for name in (
        "",
        "my_loss",
        "<lambda>",
        "loss_function_wrapper",
        "keras.losses.mse",
        "os.system",
        CODE,
        "ms\u0435",
        "mean_squared_error\0",
    ):
        yield changed(f"the loss {name!r}", "name", LossConfig(name=name))
    for what, settings, field in (
        ("a delta of NaN", {"delta": NAN}, "delta"), ("a delta of nothing", {"delta": 0.0}, "delta"),
        ("code", {"fn": CODE}, "fn"), ("a module", {"module": "os"}, "module"), ("no reduction", {"reduction": "none"}, "reduction"),
        ("a reduction by code", {"reduction": {"class_name": "x"}}, "reduction"),
    ):  # fmt: skip
        yield changed(f"a loss with {what}", f"settings.{field}", LossConfig(name="huber", settings=struct(settings)))
    yield changed("a squared error of logits", "from_logits", LossConfig(name="mse", from_logits=True))
    for weight in (NAN, INF, 1e300):
        yield changed(f"a loss weighted by {weight}", "weight", LossConfig(name="mse", weight=weight))
    yield _changed("no loss", "description.losses", lambda s: s.description.ClearField("losses"))
    yield _changed("a loss for an output that is not there", "description.losses",
                   lambda s: s.description.losses.append(LossConfig(name="mse")))  # fmt: skip
    yield _changed("a thousand losses", "description.losses",
                   lambda s: s.description.losses.extend([LossConfig(name="mse")] * 1_000))  # fmt: skip


def _trainings() -> Iterator[Hostile]:
    for batch in (0, 8_193, 2**31, 2**32 - 1):
        yield _changed(f"batches of {batch}", "description.training.batch_size",
                       lambda s, batch=batch: setattr(s.description.training, "batch_size", batch))  # fmt: skip
    for precision in ("float8", "mixed_evil", "int8", "../float32", CODE):
        yield _changed(f"a precision of {precision!r}", "description.training.precision",
                       lambda s, precision=precision: setattr(s.description.training, "precision", precision))  # fmt: skip
    yield _changed("a step of one's own", "description.training.custom_step",
                   lambda s: setattr(s.description.training, "custom_step", True))  # fmt: skip


def _profiles() -> Iterator[Hostile]:
    path = "description.data.inputs[0]"

    def changed(id: str, field: str, **fields: Any) -> Hostile:
        return _changed(id, f"{path}.{field}", lambda s: s.description.data.inputs[0].MergeFrom(ArrayProfile(**fields)))

    def shaped(id: str, shape: tuple[int, ...], field: str) -> Hostile:
        def change(message: ReproductionSpec) -> None:
            del message.description.data.inputs[0].shape[:]
            message.description.data.inputs[0].shape.extend(shape)

        return _changed(id, f"{path}.{field}", change)

    yield shaped("samples of 2^62 numbers", (-1, 2**62), "shape[1]")
    yield shaped("samples of -5 numbers", (-1, -5), "shape[1]")
    yield shaped("samples with a thousand axes", (2,) * 1_000, "shape")
    yield shaped("samples of a large square", (-1, 2_000, 2_000), "shape")
    for name in ("mean", "deviation", "lowest", "highest"):
        for value in (NAN, INF):
            yield changed(f"a {name} of {value}", name, **{name: value})
    yield changed("a negative deviation", "deviation", deviation=-1.0)
    for share in (NAN, -0.1, 1.1):
        yield changed(f"a padding of {share}", "padding_share", padding_share=share)
        yield changed(f"whole numbers: {share}", "whole_share", whole_share=share)
    yield changed("sequences of 2^63 steps", "longest", longest=2**63)
    yield changed("a shortest longer than the longest", "shortest", shortest=9, longest=3)
    yield changed("2^64 values that are not finite", "nonfinite", nonfinite=2**64 - 1)
    yield changed("2^64 examined", "examined", examined=2**64 - 1)
    yield changed("a hundred thousand means", "feature_means", feature_means=[0.0] * 100_000)
    yield changed("a mean that is NaN", "feature_means[1]", feature_means=[0.0, NAN, 0.0])
    yield changed("a deviation below zero", "feature_deviations[0]", feature_deviations=[-1.0])
    yield changed("more lows than means", "feature_lowest", feature_means=[0.0], feature_lowest=[0.0, 1.0])
    for dtype in ("complex128", "object_evil", "|S1000000000", "datetime64", "V1000000000", CODE):
        yield changed(f"samples of {dtype!r}", "dtype", dtype=dtype)
    yield changed("an array with a name of controls", "name", name="a\0b")
    targets = "description.data.targets[0].class_counts"
    yield _changed(
        "a million classes", targets, lambda s: s.description.data.targets[0].class_counts.extend([1] * 10**6)
    )
    yield _changed("2^64 samples of a class", f"{targets}[3]",
                   lambda s: s.description.data.targets[0].class_counts.append(2**64 - 1))  # fmt: skip
    yield _changed(
        "2^64 samples", "description.data.samples", lambda s: setattr(s.description.data, "samples", 2**64 - 1)
    )
    yield _changed("a thousand inputs in the data", "description.data.inputs",
                   lambda s: s.description.data.inputs.extend([ArrayProfile()] * 1_000))  # fmt: skip


def _sources() -> Iterator[Hostile]:
    for name in (
        "", "../../etc/passwd", "/etc/passwd", "Digits", "digits.csv", "digits\0", "dig its", "d\u0456gits", "~root",
        "http://evil/data", "sklearn.datasets.fetch_openml", "x" * 65, "-rf", CODE,
    ):  # fmt: skip
        yield _changed(
            f"the bundled set {name!r}", "data.bundled", lambda s, name=name: setattr(s.data, "bundled", name)
        )
    for samples in (20_001, 2**32 - 1):
        yield _changed(f"{samples} samples", "data.synthesis.samples",
                       lambda s, samples=samples: setattr(s.data.synthesis, "samples", samples))  # fmt: skip
    for what, project, id, field in (
        ("a run without a project", "", "r", "project"), ("a run in a parent folder", "../p", "r", "project"),
        ("a run that is a path", "p", "../../etc/shadow", "id"), ("a run with NUL", "p", "a\0", "id"),
        ("a run with a long name", "p", "x" * 129, "id"), ("a run right to left", "p", "\u202ea", "id"),
    ):  # fmt: skip
        yield _changed(what, f"data.shared.{field}",
                       lambda s, p=project, i=id: s.data.shared.CopyFrom(RunIdentity(project=p, id=i)))  # fmt: skip
    yield _changed("a shared run's attempt", "data.shared.attempt",
                   lambda s: s.data.shared.CopyFrom(RunIdentity(project="p", id="r", attempt=2**32 - 1)))  # fmt: skip


def _patches() -> Iterator[Hostile]:
    """Patches whose paths, operations or arguments are none."""
    for path in (
        "", "optimizer", "optimizer.", "__class__", "optimizer.__class__", "optimizer.settings", "model", "model.layers",
        "model.layers[]", "model.layers[nowhere].units", "model.layers[nowhere]", "model.layers[lstm].__dict__",
        "model.layers[(a+)+$].units", "model.layers[[[[[[[[[[.units", "model.layers[" + "]" * 600, "training.__init__",
        "training.steps", "losses[99].name", "losses[-1].name", "losses[1e9].name", "data", "data.samples",
        "../optimizer.name", "/etc/passwd", "description.optimizer.name", "model.layers[*]", "x" * 700, "\u202eoptimizer.name",
        CODE,
    ):  # fmt: skip
        field = "arms[1].patch" if path.isprintable() and len(path) < 577 else _keyed("arms[1].patch", path)
        yield _patched(f"a patch of {path[:40]!r} {len(path)}", {path: {"set": 1.0}}, field)
    for what, operation in (
        ("nothing", {}), ("two words", {"set": 1.0, "multiply": 2.0}), ("a word of one's own", {"exec": CODE}),
        ("no operation", 0.1), ("text", CODE), ("a list", [1.0]), ("multiply by 1e308", {"multiply": 1e308}),
        ("multiply by NaN", {"multiply": NAN}), ("multiply by infinity", {"multiply": INF}), ("multiply by -1", {"multiply": -1.0}),
        ("multiply by 0", {"multiply": 0.0}), ("multiply by text", {"multiply": "2"}), ("multiply by true", {"multiply": True}),
        ("set to NaN", {"set": NAN}), ("set to infinity", {"set": INF}), ("set to text", {"set": "1e-3"}),
        ("set to a list", {"set": [1.0]}), ("set to -1", {"set": -1.0}), ("replace by a number", {"replace": 3.0}),
    ):  # fmt: skip
        yield _patched(f"a learning rate: {what}", {"optimizer.learning_rate": operation})
    for what, patch in (
        ("units by 1e308", {"model.layers[*].units": {"multiply": 1e308}}),
        ("units by 1e6", {"model.layers[dense].units": {"multiply": 1e6}}),
        ("units set to text", {"model.layers[dense].units": {"set": "many"}}),
        ("units set to a list", {"model.layers[dense].units": {"set": [3.0]}}),
        ("units set to 2^53", {"model.output": {"set": {"units": 2.0**53}}}),
        ("the output set to code", {"model.output": {"set": {"activation": CODE}}}),
        ("the output set to NaN units", {"model.output": {"set": {"units": NAN}}}),
        ("a kind set to Lambda", {"model.layers[lstm].kind": {"set": "Lambda"}}),
        ("kinds replaced by Lambda", {"model.layers[*].kind": {"replace": {"LSTM": "Lambda"}}}),
        ("a kind set to a list", {"model.layers[lstm].kind": {"set": ["LSTM"]}}),
        ("a kind replaced by a list", {"model.layers[*].kind": {"replace": {"LSTM": ["Dense"]}}}),
        ("a name changed", {"model.layers[lstm].name": {"set": "../x"}}),
        ("inputs rewired", {"model.layers[lstm].inputs": {"set": ["dense"]}}),
        ("shapes rewritten", {"model.layers[lstm].input_shape": {"set": [1.0]}}),
        ("weights rewritten", {"model.layers[lstm].parameters": {"set": 0.0}}),
        ("frozen by text", {"model.layers[lstm].frozen": {"set": "yes"}}),
        ("an activation set to code", {"model.layers[lstm].activation": {"set": CODE}}),
        ("an activation set to settings", {"model.layers[lstm].activation": {"set": {"class_name": "Lambda"}}}),
        ("an initialiser set to code", {"model.layers[lstm].kernel_initializer": {"set": CODE}}),
        ("a foreign setting", {"model.layers[lstm].code": {"set": CODE}}),
        ("an optimizer of one's own", {"optimizer.name": {"set": "evil"}}),
        ("an optimizer that is a list", {"optimizer.name": {"set": ["adam"]}}),
        ("a foreign setting of the optimizer", {"optimizer.code": {"set": CODE}}),
        ("a loss of one's own", {"losses[0].name": {"set": "evil"}}),
        ("a loss that is a list", {"losses[*].name": {"set": ["mse"]}}),
        ("batches of 2^53", {"training.batch_size": {"set": 2.0**53}}),
        ("batches by 1e300", {"training.batch_size": {"multiply": 1e300}}),
        ("batches of text", {"training.batch_size": {"set": "32"}}),
        ("weights of classes by code", {"training.class_weights": {"set": CODE}}),
        ("sequences cut to nothing", {"data.inputs": {"truncate": 0.0}}),
        ("sequences padded to 2^53", {"data.inputs": {"pad": 2.0**53}}),
        ("windows of 2^53", {"data.inputs": {"window": 2.0**53}}),
        ("samples reshaped to 10^15", {"data.inputs": {"reshape": [1e15]}}),
        ("samples opened from a file", {"data.inputs": {"load": "/etc/passwd"}}),
        ("an encoding of one's own", {"data.targets": {"encode": CODE}}),
        ("inputs of 2^53 numbers", {"model.input": {"set": {"shape": [2.0**53]}}}),
        ("inputs with fifty axes", {"model.input": {"set": {"shape": [2.0] * 50}}}),
        ("everything removed", {"model.layers[lstm]": {"remove": True}, "model.layers[dense]": {"remove": True}}),
        ("a Lambda inserted", {"model.layers[lstm]": {"insert_after": {"kind": "Lambda"}}}),
        ("a kind with code inserted", {"model.layers[lstm]": {"insert_after": {"kind": CODE}}}),
        ("a path inserted", {"model.layers[lstm]": {"insert_after": {"kind": "../../x"}}}),
        ("a layer inserted with settings", {"model.layers[lstm]": {"insert_after": {"kind": "Dense", "units": 3.0}}}),
        ("a layer without units inserted", {"model.layers[lstm]": {"insert_after": {"kind": "Dense"}}}),
    ):  # fmt: skip
        yield _patched(f"a patch: {what}", patch)
    yield Hostile("a first arm that does not fit", "arms[0].patch",
                  lambda: _armed(Arm(name="a", patch=struct({"optimizer.x": {"exec": 1.0}}))))  # fmt: skip


def _growth() -> Iterator[Hostile]:
    """Patches that grow a model."""

    def make(count: int) -> ReproductionSpec:
        layers = [layer("Dense", f"d{place}", 3) for place in range(count)]
        grown = {f"model.layers[d{place}]": {"insert_after": {"kind": "LayerNormalization"}} for place in range(count)}
        return spec(model(*layers), arm(grown))

    yield Hostile("a layer behind each of 120", "arms[1].patch", lambda: make(120))
    yield Hostile("a layer behind each of 200", "arms[1].patch", lambda: make(200))
    yield Hostile(
        "a layer inserted under a name that is taken", "arms[1].patch",
        lambda: spec(
            model(layer("Dense", "a", 3), layer("Identity", "a/dropout")),
            arm({"model.layers[a]": {"insert_after": {"kind": "Dropout"}}}),
        ),
    )  # fmt: skip
    yield Hostile(
        "values without end in a patch", "arms[1].patch", lambda: spec(None, arm({"a": {"set": [1.0] * 5_000}}))
    )
    yield Hostile(
        "operations without end in a patch", "arms[1].patch",
        lambda: spec(None, arm({f"optimizer.x{n}": {"set": 1.0} for n in range(1_000)})),
    )  # fmt: skip


def _counts() -> Iterator[Hostile]:
    for name, value in (("steps", 5_001), ("steps", 2**32 - 1), ("seeds", 11), ("seeds", 2**32 - 1)):
        yield _changed(f"{value} {name}", name, lambda s, name=name, value=value: setattr(s, name, value))
    yield Hostile("33 arms", "arms", lambda: _armed(*(Arm(name=str(n)) for n in range(33))))
    yield Hostile("ten thousand arms", "arms", lambda: _armed(*(Arm(name=str(n)) for n in range(10_000))))
    yield Hostile(
        "too many steps together",
        "steps",
        lambda: _armed(*(Arm(name=str(n)) for n in range(30)), steps=5_000, seeds=10),
    )
    yield Hostile("an arm twice", "arms[1].name", lambda: _armed(Arm(name="a"), Arm(name="a")))
    yield Hostile("an arm without a name", "arms[0].name", lambda: _armed(Arm()))
    yield Hostile("an arm with a long name", "arms[0].name", lambda: _armed(Arm(name="x" * 201)))
    yield Hostile("an arm with controls", "arms[0].name", lambda: _armed(Arm(name="a\x1b[31m")))
    yield Hostile("an arm right to left", "arms[0].name", lambda: _armed(Arm(name="\u202ea")))
    yield Hostile("an arm that tells a book", "arms[0].text", lambda: _armed(Arm(name="a", text="x" * 5_000)))
    for rule in ("", "no_such_rule", "../rules", "os.system", "dead_units\0", "*"):
        yield _changed(f"the rule {rule!r}", "rules[0]", lambda s, rule=rule: s.rules.append(rule))
    yield _changed("a thousand rules", "rules", lambda s: s.rules.extend(["dead_units"] * 1_000))
    yield _changed("a million metrics", "description.training.metrics",
                   lambda s: s.description.training.metrics.extend(["accuracy"] * 10**5))  # fmt: skip
    yield _changed("a table of tensors without end", "description.tensors",
                   lambda s: [s.description.tensors.add(name=str(n)) for n in range(10_001)] and None)  # fmt: skip


def _armed(*arms: Arm, steps: int = 50, seeds: int = 2) -> ReproductionSpec:
    message = spec()
    message.arms.extend(arms)
    message.steps, message.seeds = steps, seeds
    return message


def _workloads() -> Iterator[Hostile]:
    def called(id: str, field: str, name: str, arguments: Mapping[str, Any] | None = None, *arms: Arm) -> Hostile:
        return Hostile(
            id, field, lambda: ReproductionSpec(workload=name, workload_arguments=struct(arguments or {}), arms=arms)
        )

    for name in (
        "../evil", "/bin/sh", "os.system; id", "a:b", "a b", "a\0", "w\u043erkload", "-rf", ".hidden", "a..b", "x" * 101,
        "os.system()", "$(id)", CODE,
    ):  # fmt: skip
        yield called(f"the workload {name!r}", "workload", name)
    yield called("a workload told NaN", "workload_arguments", "w", {"rate": NAN})
    yield called("a workload told infinity within", "workload_arguments", "w", {"a": {"b": [1.0, INF]}})
    yield called("a workload told a book", "workload_arguments.text", "w", {"text": "x" * 3_000})
    yield called("a workload told everything", "workload_arguments", "w", {str(n): 1.0 for n in range(5_000)})
    yield called("a workload's foreign argument", "arms[1].patch", "w", {"rate": 1.0}, Arm(name="a"),
                 Arm(name="b", patch=struct({"code": CODE})))  # fmt: skip
    yield called("a workload's argument set to NaN", "arms[1].patch", "w", {"rate": 1.0}, Arm(name="a"),
                 Arm(name="b", patch=struct({"rate": {"set": NAN}})))  # fmt: skip
    yield _changed("a workload beside a description", "description", lambda s: setattr(s, "workload", "w"))
    yield _changed("arguments without a workload", "workload_arguments",
                   lambda s: s.workload_arguments.CopyFrom(struct({"a": 1.0})))  # fmt: skip
    yield Hostile("neither a description nor a workload", "description", ReproductionSpec)


def _bombs() -> Iterator[Hostile]:
    """Texts that unfold, or are only large."""
    yield _changed("a framework's JSON of 8 MiB", "description.model.framework_json",
                   lambda s: setattr(s.description.model, "framework_json", "[" * 2**23))  # fmt: skip
    yield _changed("a text of 1 MiB in settings", f"{FIRST}.settings.name",
                   lambda s: s.description.model.layers[0].settings.update({"name": "PK\x03\x04" * 2**18}))  # fmt: skip
    yield _changed("an author's configuration of 5 MiB", "spec",
                   lambda s: s.description.config.update({"a": "x" * 5 * 2**20}))  # fmt: skip
    yield _modelled("a list of 5000 in settings", f"{FIRST}.settings", layer("Dense", "a", 3, axis=[1.0] * 5_000))
    yield _modelled(
        "5000 settings", f"{FIRST}.settings", layer("Dense", "a", 3, **{f"s{n}": 1.0 for n in range(5_000)})
    )
    yield _modelled(
        "JSON within a setting", f"{FIRST}.settings.kernel_initializer", _dense(kernel_initializer="[" * 1_900)
    )
    yield _modelled("a compressed text for an initialiser", f"{FIRST}.settings.kernel_initializer",
                    _dense(kernel_initializer="H4sIAAAAAAAA" * 100))  # fmt: skip
    yield _modelled("a pickle for an initialiser", f"{FIRST}.settings.kernel_initializer",
                    _dense(kernel_initializer="cos\nsystem\n(S'id'\ntR."))  # fmt: skip
    yield _modelled("YAML for an initialiser", f"{FIRST}.settings.kernel_initializer",
                    _dense(kernel_initializer="!!python/object/apply:os.system ['id']"))  # fmt: skip
