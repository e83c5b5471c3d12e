"""Whatever is described, in whatever parts and however often: the same findings, and never an exception."""

from dataclasses import fields, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_service.rules.config_monitor import ConfigMonitor
from paramedic_service.rules.data_monitor import DataMonitor
from paramedic_service.rules.description import ArrayProfile, Data, Description, Layer, Loss, Model, Optimizer, Training
from paramedic_service.rules.diagnosis import Diagnosis
from support.described import array, dense, described, findings, labels, layer, recurrent, sequential
from support.storage import through_storage

KINDS = ("Dense", "LSTM", "GRU", "SimpleRNN", "Conv1D", "Conv2D", "BatchNormalization", "Dropout", "Activation")
KINDS += ("Softmax", "Flatten", "Embedding", "Add", "InputLayer", "TimeDistributed", "Bidirectional", "Mine")
ACTIVATIONS = ("", "linear", "relu", "selu", "sigmoid", "softmax", "tanh", "mine")
LOSSES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "mse", "mine")
ENCODINGS = ("", "integer", "one_hot", "multi_hot", "binary", "continuous")

numbers = st.none() | st.floats(allow_nan=False, width=32) | st.sampled_from([0.0, 1.0, 255.0, 1e-9])
shapes = st.lists(st.sampled_from([-1, 0, 1, 2, 3, 20, 500]), max_size=4).map(tuple)
initialisers = st.sampled_from(
    [
        "zeros",
        7,
        {"class_name": "Zeros"},
        {"class_name": "Constant", "config": {"value": -9}},
        {"class_name": "RandomNormal", "config": {"stddev": 30}},
        {"class_name": "Orthogonal", "config": {"gain": None}},
    ]
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "rate": numbers | st.just("half"),
        "return_sequences": st.booleans(),
        "use_bias": st.booleans(),
        "kernel_initializer": initialisers,
        "recurrent_initializer": initialisers,
        "kernel_size": st.sampled_from([[3], [3, 3], 3, "3"]),
        "strides": st.sampled_from([[1], [9, 9], None]),
        "operations": st.sampled_from([["Softmax"], ["Mine"], "?"]),
        "layer": st.sampled_from([{"class_name": "LSTM", "config": {"units": 1}}, {"class_name": "Dense"}, 3]),
    },
)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Any layers, fed by any others."""
    names = [f"{'inner/' if draw(st.booleans()) else ''}layer_{place}" for place in range(draw(st.integers(0, 6)))]
    layers = [
        Layer(
            name,
            draw(st.sampled_from(KINDS)),
            draw(st.sampled_from(ACTIVATIONS)),
            draw(st.none() | st.integers(0, 100)),
            draw(shapes),
            draw(shapes),
            draw(st.integers(0, 10**7)),
            draw(st.booleans()),
            tuple(draw(st.lists(st.sampled_from([*names, "missing"]), max_size=2))),
            draw(configs),
        )
        for name in names
    ]
    return Model(tuple(layers), draw(st.integers(0, 10**7)), draw(st.integers(0, 10**7)))


@st.composite
def profiles(draw: st.DrawFn) -> ArrayProfile:
    """Any array."""
    width = draw(st.integers(0, 4))
    return ArrayProfile(
        name=draw(st.sampled_from(["", "0", "out"])),
        shape=draw(shapes),
        dtype=draw(st.sampled_from(["", "float32", "int64", "object"])),
        examined=draw(st.none() | st.integers(0, 1000)),
        shortest=draw(st.none() | st.integers(0, 9)),
        longest=draw(st.none() | st.integers(0, 9)),
        mean=draw(numbers),
        deviation=draw(numbers),
        lowest=draw(numbers),
        highest=draw(numbers),
        feature_means=(1.0,) * width,
        feature_deviations=tuple(draw(st.lists(st.sampled_from([0.0, 1.0, 900.0]), min_size=width, max_size=width))),
        padding_share=draw(st.none() | st.floats(0, 1)),
        encoding=draw(st.sampled_from(ENCODINGS)),
        class_counts=tuple(draw(st.lists(st.integers(0, 1000), max_size=4))),
        whole_share=draw(st.none() | st.floats(0, 1)),
    )


descriptions = st.builds(
    Description,
    model=st.none() | models(),
    optimizer=st.none()
    | st.builds(
        Optimizer,
        name=st.sampled_from(["adam", "sgd", "mine"]),
        learning_rate=numbers,
        settings=st.fixed_dictionaries({}, optional={"epsilon": numbers, "momentum": numbers}),
    ),
    losses=st.lists(
        st.builds(
            Loss,
            name=st.sampled_from(LOSSES),
            output=st.sampled_from(["", "layer_0", "out"]),
            from_logits=st.none() | st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
    training=st.none()
    | st.builds(Training, batch_size=st.none() | st.integers(0, 999), epochs=st.none() | st.integers(0, 9)),
    data=st.none()
    | st.builds(
        Data,
        st.lists(profiles(), max_size=2).map(tuple),
        st.lists(profiles(), max_size=2).map(tuple),
        st.none() | st.integers(0, 999),
    ),
)


@given(descriptions)
@settings(max_examples=100, deadline=None)
def test_nothing_that_can_be_described_raises_and_every_finding_is_whole(description: Description) -> None:
    for finding in findings(description).values():
        assert finding.summary
        assert finding.evidence
        assert finding.remedies


@given(descriptions, st.permutations([field.name for field in fields(Description)]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_parts_of_a_description_may_come_in_any_order_and_between_restarts(
    description: Description, order: list[str], restarted: bool
) -> None:
    diagnosis, known = Diagnosis(), Description()
    for part in order:
        known = replace(known, **{part: getattr(description, part)})
        diagnosis.describe(known)
        if restarted:
            diagnosis = Diagnosis.restore(through_storage(diagnosis.state()))
    told = {rule: (each.summary, each.evidence) for rule, each in diagnosis.findings.items() if each.open}
    assert told == {rule: (each.summary, each.evidence) for rule, each in findings(description).items()}
    assert diagnosis.describe(description) == []


def test_the_planted_faults_exercise_every_rule() -> None:
    model = sequential(
        dense(64, "linear", kernel_initializer={"class_name": "Zeros"}),
        dense(64, "softmax", kernel_initializer={"class_name": "RandomNormal", "config": {"stddev": 9.0}}),
        layer("Softmax"),
        dense(1, "selu", kernel_initializer={"class_name": "GlorotUniform"}),
        dense(8, "linear", bias_initializer={"class_name": "Constant", "config": {"value": -9.0}}),
        layer("Dropout", rate=0.9),
        layer("BatchNormalization"),
        dense(9, "relu", bias_initializer={"class_name": "Constant", "config": {"value": -9.0}}),
        dense(9, "linear"),
        layer("BatchNormalization"),
        dense(9, "linear"),
        layer("Dropout", rate=0.1),
        parameters=10**9,
    )
    uneven = {"feature_deviations": (1.0, 0.0, 1.0, 9000.0), "feature_means": (0.0,) * 4}
    ids = {"dtype": "int64", "highest": 9000.0, "mean": 900.0, "deviation": 900.0, "nonfinite": 1}
    wide = array(4, **uneven, **ids)
    out = dense(1, "sigmoid")
    real = array(1, encoding="continuous", lowest=-9.0, highest=9.0)
    sequences = sequential(recurrent("LSTM", 8, "relu"), recurrent("LSTM", 8), out, inputs=(2000, 4))
    conv = Layer("", "Conv1D", "relu", 8, settings={"kernel_size": [2], "strides": [5]})
    frozen = Model((Layer("a", "Dense", parameters=9, frozen=True),), 0, 9)
    optimizer = Optimizer("sgd", 50.0, settings={"momentum": 0.0})
    training = Training(batch_size=900, epochs=1)
    binary = "binary_crossentropy"
    planted = (
        described(
            model, "sparse_categorical_crossentropy", wide, labels("integer", (990,) + (0,) * 9 + (10,)), samples=900
        ),
        described(sequences, binary, array(10, 7), labels("binary", (900, 9)), optimizer, training, samples=900),
        described(sequential(layer("Embedding"), recurrent("GRU", 8), out), binary, array(20, padding_share=0.9)),
        described(
            sequential(*[dense(9)] * 30, out), "mse", array(20), real, Optimizer("adam", settings={"epsilon": 9.0})
        ),
        described(sequential(conv, out, inputs=(20, 4))),
        described(frozen),
        described(sequential(dense(9), out, inputs=(4,), parameters=10**9), "mse", wide),
    )
    spoken = {rule for description in planted for rule in findings(description)}
    assert spoken == {rule.id for rule in (*ConfigMonitor.rules, *DataMonitor.rules)}
