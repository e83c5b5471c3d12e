"""Keras objects in the neutral terms of the contract."""

import os
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from keras import layers

from paramedic.describe import keras as describe
from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import TensorRole


@pytest.fixture
def model() -> Any:
    """Two inputs through one nested encoder, an addition that is no layer, and a head."""
    encoder = keras.Sequential(
        [keras.Input((7, 4)), layers.LSTM(6, name="first", return_sequences=True)], name="encoder"
    )
    encoder.add(layers.GRU(3, name="second"))
    encoder.layers[0].trainable = False
    left, right = keras.Input((7, 4), name="left"), keras.Input((7, 4), name="right")
    summed = encoder(left) + encoder(right)
    normal = layers.BatchNormalization(name="normal")(summed)
    return keras.Model([left, right], layers.Dense(2, "softmax", name="head")(normal), name="twins")


def test_layers_of_nested_models_stand_in_place_under_their_path(model: Any) -> None:
    config = describe.model_config(model)
    names = [layer.name for layer in config.layers]
    assert names[:4] == ["left", "right", "encoder/first", "encoder/second"]
    assert names[-2:] == ["normal", "head"]


def test_a_layer_names_those_that_feed_it_unless_it_is_the_one_before(model: Any) -> None:
    feeds = {layer.name: list(layer.inputs) for layer in describe.model_config(model).layers}
    assert feeds["encoder/first"] == ["left", "right"]
    assert feeds["encoder/second"] == []
    assert feeds["head"] == []


def test_a_layer_is_described_by_kind_width_activation_shapes_and_size(model: Any) -> None:
    described = {layer.name: layer for layer in describe.model_config(model).layers}
    head, first, second = described["head"], described["encoder/first"], described["encoder/second"]
    assert (head.kind, head.units, head.activation) == ("Dense", 2, "softmax")
    assert (list(head.input_shape), list(head.output_shape)) == ([-1, 3], [-1, 2])
    assert (head.parameters, head.frozen) == (8, False)
    assert (first.kind, first.frozen, first.settings["return_sequences"]) == ("LSTM", True, True)
    assert second.settings["recurrent_activation"] == "sigmoid"
    assert not described["normal"].HasField("units")
    assert described["normal"].activation == ""


def test_parameters_are_counted_by_whether_they_are_trained(model: Any) -> None:
    config = describe.model_config(model)
    assert config.trainable_parameters == sum(w.size for w in map(np.asarray, model.trainable_weights))
    assert config.frozen_parameters == sum(w.size for w in map(np.asarray, model.non_trainable_weights))
    assert "twins" in config.framework_json


def test_tensors_come_in_forward_order_with_their_layer_and_role(model: Any) -> None:
    variables, table = describe.tensor_table(model, list(reversed(model.trainable_variables)))
    assert [tensor.layer for tensor in table] == ["encoder/second"] * 3 + ["normal"] * 2 + ["head"] * 2
    assert {tensor.name.rpartition("/")[2]: tensor.role for tensor in table[:5]} == {
        "kernel": TensorRole.TENSOR_ROLE_KERNEL,
        "recurrent_kernel": TensorRole.TENSOR_ROLE_RECURRENT_KERNEL,
        "bias": TensorRole.TENSOR_ROLE_BIAS,
        "gamma": TensorRole.TENSOR_ROLE_SCALE,
        "beta": TensorRole.TENSOR_ROLE_OFFSET,
    }
    assert [list(tensor.shape) for tensor in table] == [list(variable.shape) for variable in variables]
    assert [tensor.element_count for tensor in table] == [np.asarray(variable).size for variable in variables]


def test_tensors_of_equal_paths_get_names_of_their_own() -> None:
    class Twice(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = layers.Dense(2, name="same"), layers.Dense(2, name="same")

        def call(self, inputs: Any) -> Any:
            return self.two(self.one(inputs))

    model = Twice()
    model(np.ones((1, 2)))
    _, table = describe.tensor_table(model, model.trainable_variables)
    assert len({tensor.name for tensor in table}) == 4


def test_a_model_that_was_not_built_is_described_as_far_as_it_goes() -> None:
    model = keras.Sequential([layers.Dense(3), layers.Dense(2)])
    config = describe.model_config(model)
    assert [layer.units for layer in config.layers] == [3, 2]
    assert config.trainable_parameters == 0
    assert list(config.layers[0].input_shape) == []


def test_an_optimizer_tells_its_rate_schedule_and_clipping() -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.5, 100)
    config = describe.optimizer_config(keras.optimizers.AdamW(schedule, clipnorm=1.5, weight_decay=0.01))
    assert (config.name, config.learning_rate, config.schedule) == ("adamw", 0.5, "CosineDecay")
    assert config.clipnorm == 1.5
    assert not config.HasField("clipvalue")
    assert not config.HasField("global_clipnorm")
    assert config.settings["weight_decay"] == 0.01
    assert config.settings["learning_rate"]["config"]["decay_steps"] == 100


def test_an_optimizer_that_scales_the_loss_is_described_by_the_one_within() -> None:
    config = describe.optimizer_config(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.25, clipvalue=2.0)))
    assert (config.name, config.learning_rate, config.clipvalue) == ("sgd", 0.25, 2.0)
    assert config.dynamic_loss_scale


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("mse", "mean_squared_error"),
        ("sparse_categorical_crossentropy", "sparse_categorical_crossentropy"),
        (keras.losses.Huber(name="mine"), "huber"),
        (keras.losses.BinaryCrossentropy(from_logits=True), "binary_crossentropy"),
        (lambda y, p: y - p, "<lambda>"),
    ],
)
def test_a_loss_is_named_by_what_it_is(loss: Any, name: str) -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    model.compile("sgd", loss)
    (config,) = describe.loss_configs(model)
    assert config.name == name
    assert config.from_logits == isinstance(loss, keras.losses.BinaryCrossentropy)


def test_losses_of_several_outputs_are_told_apart_and_weighed() -> None:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, {"a": layers.Dense(1, name="a")(inputs), "b": layers.Dense(1, name="b")(inputs)})
    model.compile("sgd", {"a": "mse", "b": "mae"}, loss_weights={"a": 1.0, "b": 0.5})
    assert [(each.output, each.name, each.weight) for each in describe.loss_configs(model)] == [
        ("a", "mean_squared_error", 1.0),
        ("b", "mean_absolute_error", 0.5),
    ]


def test_arrays_are_described_by_name_shape_and_type() -> None:
    import tensorflow as tf

    profiles = describe.array_profiles({"words": tf.zeros((4, 9), tf.int64), "speaker": tf.zeros((4,))})
    assert {profile.name: (list(profile.shape), profile.dtype) for profile in profiles} == {
        "words": ([-1, 9], "int64"),
        "speaker": ([-1], "float32"),
    }
    (only,) = describe.array_profiles(tf.zeros((4, 9)))
    assert only.name == ""


def test_settings_keep_what_can_be_said_and_cut_what_is_too_long() -> None:
    struct = settings(
        {"name": "x", "rate": 0.5, "seed": 2**60, "text": "é" * 5000, "table": np.zeros((99, 99)), "none": None},
        without={"name"},
    )
    assert set(struct) == {"rate", "seed", "text", "table"}
    assert struct["seed"] == str(2**60)
    assert len(struct["text"]) == 1024
    assert struct["table"] == "array of shape (99, 99)"
