"""Rules on shapes: each finding names the one call that mends it."""

import pytest

from paramedic_service.rules.description import ArrayProfile, Layer, Model
from support.described import SPARSE, abstentions, array, dense, described, findings, layer, recurrent, sequential

OUT = dense(3, "softmax")


def built(*inputs: int, kind: str = "LSTM") -> Model:
    return sequential(recurrent(kind, 8), OUT, inputs=inputs)


def not_built(kind: str) -> Model:
    return Model((Layer("first", kind, "tanh", 8), Layer("out", "Dense", "softmax", 3)), 0)


@pytest.mark.parametrize(
    ("model", "x", "call"),
    [
        (built(30, 4), array(4, 30), "x = x.transpose(0, 2, 1)"),
        (built(30, 4), array(120), "x = x.reshape(len(x), 30, 4)"),
        (built(30, 4), array(4), "sliding_window_view(x, 30, axis=0).swapaxes(1, 2) and y = y[29:]"),
        (built(30, 4), array(50, 4), "x = x[:, -30:]"),
        (built(30, 4), array(20, 4), "pad_sequences(x, maxlen=30)"),
        (built(30, 4), array(30, 7), "Input(shape=(30, 7))"),
        (built(1, 30), array(1, 30), "x = x.reshape(len(x), 30, 1)"),
        (not_built("GRU"), array(30), "x = x.reshape(len(x), 30, 1)"),
        (not_built("Conv2D"), array(28, 28), "x = x[..., None]"),
        (not_built("LSTM"), array(), "sliding_window_view(x, T)[..., None]"),
        (built(-1, 4), ArrayProfile(shape=(-1, -1), dtype="object", shortest=3, longest=90), "maxlen=90"),
        (sequential(dense(8), OUT, inputs=(13,)), array(12), "Input(shape=(12,))"),
    ],
)
def test_a_shape_that_does_not_fit_is_told_with_what_mends_it(model: Model, x: ArrayProfile, call: str) -> None:
    finding = findings(described(model, SPARSE, x))["input_shape"]
    assert call in finding.summary
    assert finding.remedies


@pytest.mark.parametrize(
    ("model", "x"),
    [
        (built(30, 4), array(30, 4)),
        (built(-1, 4), array(77, 4)),
        (built(30, 1), array(30)),
        (built(30, 4), ArrayProfile(shape=(-1, -1, 4), dtype="float32", shortest=3, longest=30)),
        (built(30, 4), ArrayProfile()),
        (built(-1, 4), array(1, 4)),
        (built(1, 1), array(1, 1)),
        (sequential(dense(8), OUT, inputs=(20,)), array(20, 1)),
        (sequential(layer("Embedding"), recurrent("LSTM", 8), OUT, inputs=(80,)), array(80, dtype="int32")),
        (sequential(layer("MyLayer"), OUT, inputs=(20,)), array(7)),
        (sequential(recurrent("LSTM", 8, stateful=True), OUT, inputs=(1, 30)), array(1, 30)),
    ],
)
def test_a_shape_that_fits_or_that_keras_makes_fit_is_left(model: Model, x: ArrayProfile) -> None:
    assert "input_shape" not in findings(described(model, SPARSE, x))


def test_padding_that_a_recurrent_layer_reads_is_found_and_masked_padding_is_not() -> None:
    x = array(80, dtype="int32", padding_share=0.7)
    for masked in (False, True):
        embedding = layer("Embedding", mask_zero=masked)
        found = findings(described(sequential(embedding, recurrent("LSTM", 8), OUT, inputs=(80,)), SPARSE, x))
        assert ("excessive_padding" in found) is not masked
    some = array(80, dtype="int32", padding_share=0.5)
    unmasked = sequential(layer("Embedding"), recurrent("LSTM", 8), OUT, inputs=(80,))
    assert "excessive_padding" not in findings(described(unmasked, SPARSE, some))
    pooled = sequential(layer("Embedding"), layer("GlobalAveragePooling1D"), OUT, inputs=(80,))
    assert "excessive_padding" not in findings(described(pooled, SPARSE, x))


def test_without_data_the_rules_abstain() -> None:
    missing = abstentions(described(built(30, 4)))
    assert missing["input_shape"] == "not reported: data profile"
    assert missing["excessive_padding"] == "not reported: input statistics"
