"""Code, and names that something could be imported by."""

from collections.abc import Iterator
from typing import Any

from paramedic.v1.description_pb2 import LayerConfig
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from support.hostile.case import CODE, FIRST, INF, MARSHALLED, NAN, Hostile, modelled
from support.specs import layer, model, spec, struct


def code() -> Iterator[Hostile]:
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
        yield modelled(f"a layer of the kind {kind!r}", f"{FIRST}.kind", LayerConfig(name="first", kind=kind, units=3))
    yield modelled(
        "a Lambda with marshalled code", f"{FIRST}.kind",
        layer("Lambda", "first", function={"class_name": "__lambda__", "config": {"code": MARSHALLED}}),
    )  # fmt: skip
    for setting, value in (
        ("function", MARSHALLED), ("module", "os"), ("registered_name", "Evil>Dense"), ("fn", CODE), ("call", CODE),
        ("build_config", {"input_shape": [1]}), ("custom_objects", {"Dense": CODE}), ("__class__", "Popen"),
        ("__reduce__", ["os.system", ["id"]]), ("lora_rank", 4), ("quantization_config", {"class_name": "X"}),
        ("filepath", "/etc/passwd"), ("vocabulary", "/etc/passwd"), ("weights", [[1.0]]), ("url", "http://evil"),
    ):  # fmt: skip
        yield modelled(f"a Dense with the setting {setting}", f"{FIRST}.settings.{setting}", dense(**{setting: value}))
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
        yield modelled(f"an initialiser {name}", field, dense(kernel_initializer=value))
    for setting in ("kernel_regularizer", "bias_constraint", "activity_regularizer"):
        yield modelled(
            f"a {setting} of one's own", f"{FIRST}.settings.{setting}",
            dense(**{setting: {"class_name": "Mine", "config": {}}}),
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
        yield modelled(
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
        yield modelled(f"a layer of {name}", f"{FIRST}.settings.{field}", dense(dtype=value))


def _with_settings(what: str, field: str, activation: Any) -> Hostile:
    def make() -> ReproductionSpec:
        first = LayerConfig(name="first", kind="Dense", units=3, settings=struct({"activation": activation}))
        return spec(model(first))

    return Hostile(what, field, make)


def dense(**settings: Any) -> LayerConfig:
    return layer("Dense", "dense", 3, **settings)
