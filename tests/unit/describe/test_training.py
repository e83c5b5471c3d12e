"""A training is described without a fit, whatever its data come in."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from paramedic.describe.keras import describe_training
from paramedic.v1.description_pb2 import LABEL_ENCODING_INTEGER


@pytest.fixture
def model() -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


X = np.random.default_rng(0).normal(size=(100, 3)).astype("float32")
Y = np.arange(100) % 4


def test_arrays_are_described_with_the_steps_that_they_make(model: Any) -> None:
    said = describe_training(model, X, Y, batch_size=30)
    assert (said.training.batch_size, said.training.steps_per_epoch, said.data.samples) == (30, 4, 100)
    assert (said.optimizer.name, said.losses[0].name) == ("adam", "sparse_categorical_crossentropy")
    assert list(said.data.targets[0].class_counts) == [25] * 4


def test_of_a_data_set_a_few_batches_are_read(model: Any) -> None:
    said = describe_training(model, tf.data.Dataset.from_tensor_slices((X, Y)).repeat(10).batch(20))
    assert (said.training.batch_size, said.training.steps_per_epoch) == (20, 50)
    assert said.data.inputs[0].examined == 160
    assert said.data.targets[0].encoding == LABEL_ENCODING_INTEGER
    assert not said.data.HasField("samples")


def test_a_generator_keeps_all_its_batches(model: Any) -> None:
    batches = ((X[start : start + 10], Y[start : start + 10]) for start in range(0, 100, 10))
    assert not describe_training(model, batches).HasField("data")
    assert len(list(batches)) == 10


def test_a_model_that_was_not_compiled_is_described_by_itself() -> None:
    said = describe_training(keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)]))
    assert (len(said.model.layers), len(said.losses), said.HasField("optimizer")) == (1, 0, False)
