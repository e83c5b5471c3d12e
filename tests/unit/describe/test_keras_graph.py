"""The graph of a Keras model: what the inputs of its layers cannot tell."""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest
from keras import layers, ops

from paramedic.describe import keras as describe
from paramedic.describe.keras.training import FitArguments
from paramedic.v1.description_pb2 import GraphNode, ModelConfig


def described(shape: tuple[int, ...], of: Any, **settings: Any) -> ModelConfig:
    given = keras.Input(shape, name="given", **settings)
    return describe.model_config(keras.Model(given, of(given)))


def by_name(config: ModelConfig) -> dict[str, GraphNode]:
    return {node.name: node for node in config.nodes}


def test_a_chain_of_layers_has_no_graph_to_tell() -> None:
    stack = [layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3), layers.Dropout(0.1), layers.Dense(2)]
    config = describe.model_config(keras.Sequential([keras.Input((7,)), *stack]))
    assert (list(config.nodes), list(config.outputs), config.opaque) == ([], [], False)
    assert not described((4,), layers.Dense(2)).nodes


def test_operations_are_told_with_what_they_read_and_their_constants() -> None:
    config = described((4,), lambda x: layers.Dense(4, name="dense")(x) * 0.5 + x)
    multiply, add = config.nodes[-2:]
    assert (multiply.operation, list(multiply.inputs), multiply.arguments["x2"]) == ("Multiply", ["dense"], 0.5)
    assert (add.operation, list(add.inputs), add.layer) == ("Add", [multiply.name, "given"], "")
    assert list(config.outputs) == [add.name]
    assert by_name(config)["dense"].layer == "dense"


def test_slices_and_axes_are_told_as_data() -> None:
    config = described((6, 4), lambda x: ops.mean(x[:, 1:5:2], axis=1, keepdims=True))
    picked, mean = config.nodes[-2:]
    assert [dict(key) for key in picked.arguments["key"]] == [
        {"slice": [None, None, None]},
        {"slice": [1.0, 5.0, 2.0]},
    ]
    assert (mean.arguments["axis"], mean.arguments["keepdims"]) == (1.0, True)


def test_a_layer_that_is_called_twice_has_two_nodes() -> None:
    dense = layers.Dense(4, name="dense")
    config = described((4,), lambda x: dense(dense(x)))
    assert [(node.name, node.layer, list(node.inputs)) for node in config.nodes] == [
        ("given", "given", []),
        ("dense", "dense", ["given"]),
        ("dense#2", "dense", ["dense"]),
    ]
    assert list(config.outputs) == ["dense#2"]


def test_what_is_read_twice_stands_twice_and_in_the_order_of_the_parameters() -> None:
    attention = layers.MultiHeadAttention(2, 3, name="attention")
    config = described(
        (5, 8), lambda x: attention(value=x, query=layers.Dense(8, name="query")(x), use_causal_mask=True)
    )
    node = by_name(config)["attention"]
    assert list(node.inputs) == ["query", "given"]
    assert dict(node.arguments) == {"use_causal_mask": True}
    config = described((5, 8), lambda x: layers.MultiHeadAttention(2, 3, name="alike")(x, x))
    assert list(by_name(config)["alike"].inputs) == ["given", "given"]


def test_masks_that_keras_passes_by_itself_are_no_part_of_the_graph() -> None:
    config = described((7,), lambda x: layers.LSTM(3)(layers.Embedding(9, 4, mask_zero=True)(x)) + 1.0, dtype="int32")
    assert [node.operation for node in config.nodes if node.operation] == ["Add"]
    assert all("mask" not in node.arguments for node in config.nodes)


def test_a_mask_or_state_of_ones_own_is_told_by_the_node_that_makes_it() -> None:
    def of(x: Any) -> Any:
        _, state = layers.GRU(3, return_state=True, name="first")(x)
        return layers.GRU(3, name="second")(x, initial_state=state)

    node = by_name(described((5, 8), of))["second"]
    assert list(node.inputs) == ["given"]
    assert dict(node.arguments["initial_state"][0]) == {"node": "first", "output": 1.0}


def test_nested_models_stand_in_place_and_read_what_they_are_called_on() -> None:
    inner_input = keras.Input((4,))
    encoder = keras.Model(inner_input, layers.Dense(4, name="dense")(inner_input) + 1.0, name="encoder")
    config = described((4,), lambda x: encoder(encoder(x)))
    dense = [node for node in config.nodes if node.layer == "encoder/dense"]
    assert list(dense[0].inputs) == ["given"]
    assert config.nodes[-1].operation == "Add"
    assert len(dense) == 2


def test_inputs_come_in_the_order_of_the_data() -> None:
    one, two = keras.Input((4,), name="one"), keras.Input((3,), name="two")
    joined = layers.Concatenate()([two, layers.Dense(2)(one)])
    config = describe.model_config(keras.Model([one, two], joined))
    assert [node.name for node in config.nodes[:2]] == ["one", "two"]


class Own(keras.Model):  # type: ignore[misc]
    """A model whose forward pass is code."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, data: Any) -> Any:
        return {}


def test_a_forward_pass_of_ones_own_is_said_to_be_opaque() -> None:
    model = Own()
    model(ops.ones((1, 3)))
    assert describe.model_config(model).opaque
    within = keras.Sequential([keras.Input((3,)), model])
    config = describe.model_config(within)
    assert (config.opaque, list(config.nodes)) == (True, [])


@pytest.mark.parametrize(("make", "own"), [(Own, True), (lambda: keras.Sequential([layers.Dense(1)]), False)])
def test_a_step_of_ones_own_is_told(make: Any, own: bool) -> None:
    assert describe.training_config(make(), FitArguments(), None, None).custom_step is own


def test_losses_tell_what_keras_leaves_out_of_their_configuration() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("adam", keras.losses.Huber(delta=2.5, reduction="sum"))
    [loss] = describe.loss_configs(model)
    assert (loss.name, loss.settings["delta"], loss.settings["reduction"]) == ("huber", 2.5, "sum")


def test_an_activation_that_is_a_layer_is_told_with_its_settings() -> None:
    activation = layers.LeakyReLU(negative_slope=0.25)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, activation=activation), layers.Dense(1, "relu")])
    first, second = describe.model_config(model).layers
    assert first.settings["activation"]["class_name"] == "LeakyReLU"
    assert first.settings["activation"]["config"]["negative_slope"] == 0.25
    assert "activation" not in second.settings
