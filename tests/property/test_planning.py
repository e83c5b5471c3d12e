"""Whatever a specification says, planning returns a plan within the limits or refuses it by name."""

import math
import random
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic_service.reproduction.plan import Limits, Plan, SpecError, WorkloadPlan, plan, plan_workload
from paramedic_service.reproduction.plan.kinds import KINDS
from paramedic_service.reproduction.plan.losses import LOSSES
from paramedic_service.reproduction.plan.operations import OPERATIONS
from paramedic_service.reproduction.plan.optimizers import OPTIMIZERS
from paramedic_service.reproduction.plan.parts import ACTIVATIONS, INITIALISERS
from support import specs

LIMITS = Limits(layers=40, parameters=2_000, units=64, features=3_000, memory_bytes=256 * 2**20, total_steps=50_000)
FUZZ = settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))

WORDS = st.sampled_from(
    [
        *sorted({*KINDS, *LOSSES, *OPERATIONS, *OPTIMIZERS, *ACTIVATIONS, *INITIALISERS}),
        *("Lambda", "../x", "a\0", "lstm", "dense", "given", "set", "multiply", "replace", "insert_after", "truncate"),
        *("class_name", "config", "layer", "cell", "units", "axis", "float32", "valid", "same", "slice", "sum"),
    ]
)
TEXTS = WORDS | st.text(max_size=20)
NUMBERS = (
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 3.0, 0.5, 64.0, 1e9, 2.0**53, 1e308, -1e308, 5e-324]) | st.floats()
)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
SIZES = st.sampled_from([1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 5.0, 8.0, 0.0, -1.0, 32.0, 60.0, 1e12])
"""Mostly what a size can be."""
LIKELY = (
    SIZES
    | st.lists(SIZES, min_size=1, max_size=3)
    | st.booleans()
    | st.sampled_from([0.0, 0.1, 0.5, 0.9, "same", "valid", "concat", "sum", "relu", "zeros", "he_normal", "float32"])
)
PATCHES = st.dictionaries(TEXTS, st.dictionaries(TEXTS, PLAIN, max_size=2) | PLAIN, max_size=3)
WHOLE = {"slice": [None, None, None]}
INNER = st.fixed_dictionaries(
    {
        "class_name": st.sampled_from(
            ["LSTM", "GRU", "SimpleRNN", "Dense", "Conv1D", "LSTMCell", "GRUCell", "Flatten"]
        ),
        "config": st.fixed_dictionaries(
            {"units": SIZES}, optional={"filters": SIZES, "kernel_size": SIZES, "return_sequences": st.booleans()}
        ),
    }
)
NAMES = ("a", "b", "c", "given", "lstm", "dense")


GOOD = st.sampled_from([1.0, 2.0, 3.0, 4.0])
SENSIBLE: dict[str, st.SearchStrategy[Any]] = {
    "rate": st.sampled_from([0.0, 0.5]),
    "stddev": st.sampled_from([0.0, 0.5]),
    "scale": st.sampled_from([0.5, True]),
    "layer": INNER,
    "cell": INNER | st.lists(INNER, max_size=2),
    "activation": st.sampled_from(["relu", "softmax"]),
    "target_shape": st.lists(st.sampled_from([1.0, 2.0, 4.0, -1.0, 6.0, 12.0]), min_size=1, max_size=3),
    "dims": st.permutations([1.0, 2.0, 3.0][:2]) | st.permutations([1.0, 2.0, 3.0]),
    "axis": st.sampled_from([-1.0, 1.0, 2.0, [1.0], [-1.0, 1.0], 0.0, 5.0]),
    "axes": st.sampled_from([1.0, 2.0, -1.0, [1.0, 2.0], [0.0, 2.0, 1.0], [0.0, 1.0]]),
    "padding": st.sampled_from(["same", "valid", "causal", 1.0, [1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]]]),
    "cropping": st.sampled_from([0.0, 1.0, [1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]]]),
    "strides": GOOD | st.just(0.0),
    "use_bias": st.booleans(),
    "return_sequences": st.booleans(),
    "x2": st.sampled_from([0.0, 0.5, -1.0]),
    "key": st.sampled_from([[WHOLE, -1.0], [WHOLE, {"slice": [1.0, None, 2.0]}], [WHOLE], [0.0]]),
    "newshape": st.lists(st.sampled_from([-1.0, 2.0, 4.0, 6.0]), min_size=2, max_size=3).map(
        lambda sizes: [-1.0, *sizes[1:]]
    ),
    "keepdims": st.booleans(),
    "dtype": st.sampled_from(["float32", "float16", "int32"]),
}
"""Values that a setting of this name may well have; others are sizes."""


def value_of(draw: st.DrawFn, name: str) -> Any:
    """Mostly a sensible one."""
    choice = draw(st.integers(0, 9))
    return draw(SENSIBLE.get(name, GOOD) if choice < 7 else LIKELY if choice < 9 else PLAIN)


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of a layer that may well be built: its settings are those of its kind, with values that make sense."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    table = KINDS[kind]
    chosen = draw(st.lists(st.sampled_from(sorted({*table.checks, "dtype"})), max_size=1))
    settings = {
        name: value_of(draw, name) for name in (*table.needs, *chosen) if name not in (table.width, "activation")
    }
    units = draw(st.integers(1, 8) | st.sampled_from([0, 40, 64, 65, 2**64 - 1])) if table.width else None
    activation = draw(st.sampled_from(["relu", "tanh", "softmax", "evil"])) if table.activation else ""
    return {"kind": kind, "units": units, "activation": activation, "settings": specs.struct(settings)}


@st.composite
def operations(draw: st.DrawFn) -> tuple[str, list[int], dict[str, Any]]:
    """The class of an operation, places that it reads, and arguments."""
    kind = draw(st.sampled_from(sorted(OPERATIONS)))
    table = OPERATIONS[kind]
    chosen = draw(st.lists(st.sampled_from(sorted({*table.checks, "x2"})), max_size=1)) if table.checks else []
    read = draw(st.lists(st.integers(0, 5), min_size=len(table.arrays), max_size=2))
    return kind, read, {name: value_of(draw, name) for name in (*table.needs, *chosen)}


@st.composite
def patches(draw: st.DrawFn) -> dict[str, Any]:
    """Operations that may well fit the small LSTM."""
    sections = [
        st.sampled_from([f"model.layers[{name}].{field}" for name in ("*", "lstm", "dense") for field in FIELDS]),
        st.sampled_from(
            [f"optimizer.{field}" for field in ("name", "learning_rate", "epsilon", "amsgrad", "schedule")]
        ),
        st.sampled_from(["training.batch_size", "losses[0].name", "losses[*].from_logits", "losses[0].weight"]),
    ]
    arguments = [
        st.fixed_dictionaries({"set": WORDS}),
        st.fixed_dictionaries({"set": LIKELY | PLAIN}),
        st.fixed_dictionaries({"multiply": NUMBERS}),
        st.fixed_dictionaries({"replace": st.dictionaries(WORDS, WORDS | PLAIN, min_size=1, max_size=2)}),
    ]
    chosen = draw(st.dictionaries(st.one_of(sections), st.one_of(arguments), max_size=2))
    changes = {
        "model.layers[lstm]": [{"insert_after": {"kind": draw(st.sampled_from(sorted(KINDS)))}}, {"remove": True}],
        "model.output": [{"set": {"units": draw(SIZES)}}, {"set": {"activation": draw(WORDS)}}],
        "model.input": [{"set": {"shape": draw(st.lists(SIZES, max_size=4))}}],
        "data.inputs": [{draw(st.sampled_from(["truncate", "pad", "window"])): draw(SIZES)}, {"standardise": True}],
        "data.targets": [{"encode": draw(st.sampled_from(["one_hot", "integer", "binary", "x"]))}],
    }
    for path in draw(st.lists(st.sampled_from(sorted(changes)), max_size=2, unique=True)):
        chosen[path] = draw(st.sampled_from(changes[path]))
    return chosen


FIELDS = (
    "units", "kind", "activation", "frozen", "kernel_initializer", "recurrent_initializer", "rate", "use_bias", "axis",
    "return_sequences", "dtype", "dropout", "code",
)  # fmt: skip


def planned(message: ReproductionSpec) -> Plan | WorkloadPlan | SpecError:
    """What planning says; any exception but its own is the test's failure."""
    try:
        return plan_workload(message, LIMITS) if message.workload else plan(message, LIMITS)
    except SpecError as error:
        return error


def hold_to_limits(result: Plan | WorkloadPlan | SpecError) -> None:
    """Asserts that what was planned is small, finite and connected."""
    if isinstance(result, SpecError):
        assert result.field
        assert result.reason
        assert len(str(result)) < 4_000
    if not isinstance(result, Plan):
        return
    assert 1 <= result.steps <= LIMITS.steps
    assert 1 <= len(result.seeds) <= LIMITS.seeds
    assert 1 <= len(result.arms) <= LIMITS.arms
    for arm in result.arms:
        seen: set[str] = set()
        for layer in arm.model.layers:
            assert layer.kind == "InputLayer" or layer.kind in (OPERATIONS if layer.operation else KINDS)
            assert set(layer.inputs) <= seen
            assert math.prod(size for size in layer.output_shape[1:] if size > 0) <= LIMITS.features
            seen.add(layer.name)
        assert set(arm.model.outputs) <= seen
        assert arm.model.inputs
        assert arm.model.parameters == sum(layer.parameters for layer in arm.model.layers) <= LIMITS.parameters
        assert 1 <= arm.batch_size <= LIMITS.batch_size
        assert math.isfinite(arm.optimizer.learning_rate)
        assert arm.optimizer.learning_rate >= 0
        assert len(arm.losses) == len(arm.model.outputs)
        hash(arm.structure)


@FUZZ
@given(st.binary(max_size=400))
def test_bytes_that_parse_as_a_specification_are_planned_or_refused(body: bytes) -> None:
    message = ReproductionSpec()
    try:
        message.ParseFromString(body)
    except Exception:  # not a specification at all
        return
    hold_to_limits(planned(message))


@FUZZ
@given(
    st.lists(layers(), min_size=1, max_size=2),
    st.lists(GOOD, min_size=2, max_size=4) | st.lists(SIZES, max_size=4),
    st.lists(st.sampled_from(NAMES), min_size=3, max_size=3),
)
def test_any_layers_are_planned_or_refused(fields: list[dict[str, Any]], shape: list[float], fed: list[str]) -> None:
    message = specs.spec(specs.model(specs.given(*(int(size) for size in shape))))
    described = message.description.model.layers
    for place, each in enumerate(fields):
        described.add(name=NAMES[place], **each)
        if KINDS[each["kind"]].inputs[0] > 1:
            described[-1].inputs.extend(["given", fed[place] if fed[place] in NAMES[:place] else "given"])
    hold_to_limits(planned(message))


@FUZZ
@given(st.dictionaries(TEXTS, PLAIN, max_size=4), TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=2))
def test_any_words_of_a_layer_are_planned_or_refused(
    settings: dict[str, Any], name: str, kind: str, activation: str, inputs: list[str]
) -> None:
    message = specs.spec()
    message.description.model.layers.add(
        name=name, kind=kind, activation=activation, inputs=inputs, settings=specs.struct(settings)
    )
    hold_to_limits(planned(message))


@FUZZ
@given(
    st.lists(operations(), max_size=3),
    st.lists(GOOD, min_size=1, max_size=3),
    st.integers(0, 5),
)
def test_any_operations_are_planned_or_refused(
    calls: list[tuple[str, list[int], dict[str, Any]]], shape: list[float], output: int
) -> None:
    message = specs.spec(specs.model(specs.given(*map(int, shape)), specs.layer("Dense", "dense", 3)))
    names = ["given", "dense", *(f"n{place}" for place in range(len(calls)))]
    nodes = message.description.model.nodes
    nodes.extend([specs.node("given"), specs.node("dense", "given")])
    for name, (operation, read, arguments) in zip(names[2:], calls, strict=True):
        nodes.append(specs.node(name, *(names[place % len(names)] for place in read), operation=operation, **arguments))
    message.description.model.outputs.append(names[output % len(names)])
    hold_to_limits(planned(message))


@FUZZ
@given(patches() | PATCHES)
def test_any_patch_is_planned_or_refused(patch: dict[str, Any]) -> None:
    message = specs.spec(None, Arm(name="remedy", patch=specs.struct(patch)))
    hold_to_limits(planned(message))


@FUZZ
@given(st.dictionaries(st.sampled_from(["a", "b"]), PLAIN, max_size=2), PATCHES, TEXTS)
def test_any_workload_is_planned_or_refused(arguments: dict[str, Any], patch: dict[str, Any], name: str) -> None:
    message = ReproductionSpec(workload=name or "w", workload_arguments=specs.struct(arguments))
    message.arms.extend([Arm(name="as reported"), Arm(name="remedy", patch=specs.struct(patch))])
    planned(message)


@FUZZ
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_mutations_of_a_valid_specification_are_planned_or_refused(chance: random.Random, count: int) -> None:
    message = chance.choice(BEGINNINGS)()
    for _ in range(count):
        mutate(message, chance)
    hold_to_limits(planned(message))


@pytest.mark.parametrize("begin", range(4))
def test_what_is_mutated_is_valid_before(begin: int) -> None:
    assert isinstance(planned(BEGINNINGS[begin]()), Plan)


def _wrapped() -> ReproductionSpec:
    inner = {"class_name": "LSTM", "config": {"units": 4, "return_sequences": True, "activation": "tanh"}}
    return specs.spec(
        specs.model(
            specs.layer("Bidirectional", "both", layer=inner),
            specs.layer("TimeDistributed", "each", layer={"class_name": "Dense", "config": {"units": 3}}),
            specs.layer("GlobalAveragePooling1D", "pool"),
            specs.layer("Dense", "dense", 3, "softmax", kernel_initializer={"class_name": "HeNormal", "config": {}}),
        ),
        specs.arm({"model.layers[dense].units": {"multiply": 2.0}}),
    )


def _convolved() -> ReproductionSpec:
    return specs.spec(
        specs.model(
            specs.layer("Conv1D", "conv", 4, "relu", kernel_size=[3], strides=[1], padding="same"),
            specs.layer("BatchNormalization", "norm", axis=-1, momentum=0.9),
            specs.layer("MaxPooling1D", "pool", pool_size=[2]),
            specs.layer("Flatten", "flat"),
            specs.layer("Dropout", "drop", rate=0.5),
            specs.layer("Dense", "dense", 3),
        ),
        specs.arm({"optimizer.learning_rate": {"multiply": 0.1}, "data.inputs": {"truncate": 8.0}}),
    )


def _residual() -> ReproductionSpec:
    described = specs.model(specs.given(6), specs.layer("Dense", "a", 6, "relu"), specs.layer("Dense", "b", 3))
    described.nodes.extend(
        [
            specs.node("given"),
            specs.node("a", "given"),
            specs.node("sum", "given", "a", operation="Add"),
            specs.node("half", "sum", operation="Multiply", x2=0.5),
            specs.node("b", "half"),
        ]
    )
    described.outputs.append("b")
    return specs.spec(described, specs.arm({"model.layers[a]": {"remove": True}}))


BEGINNINGS = (specs.spec, _wrapped, _convolved, _residual)


def mutate(message: ReproductionSpec, chance: random.Random) -> None:
    """Changes one field somewhere within a message, to something that its type allows."""
    parts = list(_parts(message))
    part, field = chance.choice([(part, field) for part in parts for field in part.DESCRIPTOR.fields])
    if isinstance(part, Struct) or (isinstance(part, Value) and field.name in ("struct_value", "list_value")):
        return _mutate_struct(part, chance)
    if field.message_type is not None:
        if chance.random() < 0.2:
            part.ClearField(field.name)
        return None
    value = _value(field, chance)
    try:
        if field.is_repeated:
            values = getattr(part, field.name)
            if values and chance.random() < 0.7:
                values[chance.randrange(len(values))] = value
            else:
                values.append(value)
        else:
            setattr(part, field.name, value)
    except (TypeError, ValueError):  # out of the field's range
        pass
    return None


def _parts(message: Message) -> list[Any]:
    found: list[Any] = [message]
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            found += [part for each in value.values() for part in _parts(each)]
        elif field.is_repeated:
            found += [part for each in value for part in _parts(each)]
        else:
            found += _parts(value)
    return found


def _mutate_struct(part: Any, chance: random.Random) -> None:
    if isinstance(part, Struct):
        key = chance.choice([*part.fields, "units", "axis", "kernel_size", "code", "layer", "rate"])
        if key in part.fields and chance.random() < 0.3:
            del part.fields[key]
        else:
            part.fields[key].CopyFrom(chance.choice(_VALUES))
    elif isinstance(part, Value):
        part.CopyFrom(chance.choice(_VALUES))


def _value(field: Any, chance: random.Random) -> Any:
    kinds = {
        field.CPPTYPE_STRING: [
            "",
            "lstm",
            "dense",
            "Dense",
            "../x",
            "a\0b",
            "x" * 600,
            "LSTM",
            "adam",
            "relu",
            "given",
            "\u202e",
        ],
        field.CPPTYPE_DOUBLE: [0.0, -1.0, math.nan, math.inf, 1e308, 0.5, 5e-324],
        field.CPPTYPE_BOOL: [True, False],
        field.CPPTYPE_ENUM: [0, 1, 2, 99],
    }
    return chance.choice(kinds.get(field.cpp_type, [0, 1, -1, 2, 7, 2**31 - 1, 2**53, 2**63 - 1, 2**64 - 1]))


_VALUES = [
    Value(number_value=0.0), Value(number_value=math.nan), Value(number_value=-1.0), Value(number_value=2.5),
    Value(number_value=1e308), Value(number_value=4.0), Value(string_value="relu"), Value(string_value="x" * 3_000),
    Value(string_value="../x"), Value(bool_value=True), Value(null_value=0), Value(),
    Value(list_value={"values": [Value(number_value=2.0), Value(string_value="a")]}),
    Value(struct_value=specs.struct({"class_name": "Lambda", "config": {"code": "x"}})),
    Value(struct_value=specs.struct({"class_name": "Dense", "config": {"units": 2}})),
]  # fmt: skip
