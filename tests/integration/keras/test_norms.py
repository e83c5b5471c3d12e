"""What the Monitor measures is what a plain loop over the same batches measures."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from paramedic.integrations.keras import Monitor

BATCH = 8


def data(count: int = 7 * BATCH) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(count, 6)).astype("float32"), rng.integers(0, 3, count)


def network() -> Any:
    keras.utils.set_random_seed(5)
    return keras.Sequential([keras.Input((6,)), layers.Dense(9, "tanh"), layers.Dense(3)])


def batches(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[Any, Any]]:
    for start in range(0, len(x), BATCH):
        yield tf.constant(x[start : start + BATCH]), tf.constant(y[start : start + BATCH])


def cross_entropy() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def plain_loop(model: Any, optimizer: Any, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Trains step by step, and measures before and after each."""
    measured: dict[str, list[Any]] = {"loss": [], "gradient_norm": [], "weight_norm": [], "update_norm": []}
    for inputs, targets in batches(x, y):
        with tf.GradientTape() as tape:
            loss = cross_entropy()(targets, model(inputs, training=True))
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        before = [v.numpy() for v in model.trainable_variables]
        optimizer.apply(gradients, model.trainable_variables)
        after = [v.numpy() for v in model.trainable_variables]
        measured["loss"].append(float(loss))
        measured["gradient_norm"].append([np.linalg.norm(tf.convert_to_tensor(g)) for g in gradients])
        measured["weight_norm"].append([np.linalg.norm(weight) for weight in before])
        measured["update_norm"].append([np.linalg.norm(a - b) for a, b in zip(after, before, strict=True)])
    return {name: np.array(values) for name, values in measured.items()}


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "plain": lambda: keras.optimizers.Adam(0.01),
    "clipnorm": lambda: keras.optimizers.SGD(0.1, clipnorm=0.01),
    "clipvalue": lambda: keras.optimizers.SGD(0.1, clipvalue=0.001),
    "global_clipnorm": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.01),
    "accumulating": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=3),
    "decaying": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
}
LOOPS: dict[str, dict[str, Any]] = {
    "graph": {"jit_compile": False},
    "xla": {"jit_compile": True},
    "eager": {"run_eagerly": True},
    "many_steps_an_execution": {"steps_per_execution": 4, "jit_compile": False},
}


@pytest.mark.parametrize(
    ("optimizer", "loop"),
    [(optimizer, "graph") for optimizer in OPTIMIZERS] + [("plain", loop) for loop in LOOPS if loop != "graph"],
)
def test_norms_and_loss_are_those_of_a_plain_loop(optimizer: str, loop: str, recording) -> None:
    x, y = data()
    expected = plain_loop(network(), OPTIMIZERS[optimizer](), x, y)
    model = network()
    model.compile(OPTIMIZERS[optimizer](), cross_entropy(), **LOOPS[loop])
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Monitor(recording.run, every=3)])
    told = recording.told()
    assert told.steps() == list(range(1, 8))
    assert list(told.scalar("loss").values()) == pytest.approx(expected["loss"], rel=1e-4)
    for signal in ("gradient_norm", "weight_norm", "update_norm"):
        np.testing.assert_allclose(told.norms(signal), expected[signal], rtol=1e-3, atol=1e-6, err_msg=signal)


def test_mixed_precision_reports_gradients_without_the_loss_scale(recording) -> None:
    x, y = data()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = network()
        model.compile(keras.optimizers.SGD(0.1), cross_entropy(), jit_compile=False)
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Monitor(recording.run)])
    finally:
        keras.config.set_dtype_policy("float32")
    expected = plain_loop(network(), keras.optimizers.SGD(0.1), x, y)
    told = recording.told()
    assert told.description.optimizer.dynamic_loss_scale
    assert list(told.scalar("loss").values()) == pytest.approx(expected["loss"], rel=0.01)
    np.testing.assert_allclose(told.norms("gradient_norm"), expected["gradient_norm"], rtol=0.05)
    np.testing.assert_allclose(told.norms("update_norm"), expected["update_norm"], rtol=0.05)


def test_a_step_that_overflows_its_loss_scale_is_reported_as_it_was(recording) -> None:
    x, y = data(2 * BATCH)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = network()
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1e30)
        model.compile(optimizer, cross_entropy(), jit_compile=False)
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Monitor(recording.run)])
    finally:
        keras.config.set_dtype_policy("float32")
    told = recording.told()
    assert not np.isfinite(told.norms("gradient_norm")).all(axis=1).any()
    assert (told.norms("update_norm") == 0).all()
    assert np.isfinite(list(told.scalar("loss").values())).all()


def test_slices_of_an_embedding_gradient_are_summed_before_the_norm_is_taken(recording) -> None:
    def words() -> Any:
        keras.utils.set_random_seed(5)
        return keras.Sequential([keras.Input((4,)), layers.Embedding(5, 3), layers.Flatten(), layers.Dense(3)])

    _, y = data()
    x = np.random.default_rng(1).integers(0, 5, (len(y), 4))  # every word stands in several places
    expected = plain_loop(words(), keras.optimizers.Adam(0.01), x, y)
    model = words()
    model.compile(keras.optimizers.Adam(0.01), cross_entropy(), jit_compile=False)
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Monitor(recording.run)])
    told = recording.told()
    np.testing.assert_allclose(told.norms("gradient_norm"), expected["gradient_norm"], rtol=1e-3)
    np.testing.assert_allclose(told.norms("update_norm"), expected["update_norm"], rtol=1e-3)


def test_class_weights_are_part_of_the_loss(recording) -> None:
    x, y = data(2 * BATCH)
    model = network()
    expected = [
        float(cross_entropy()(targets, model(inputs), sample_weight=tf.where(targets == 1, 3.0, 1.0)))
        for inputs, targets in batches(x, y)
    ]
    model.compile(keras.optimizers.SGD(0.0), cross_entropy(), jit_compile=False)
    monitor = Monitor(recording.run)
    weights = {0: 1.0, 1: 3.0, 2: 1.0}
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, class_weight=weights, callbacks=[monitor])
    told = recording.told()
    assert list(told.scalar("loss").values()) == pytest.approx(expected, rel=1e-4)
    assert told.description.training.weighted


def test_a_scheduled_learning_rate_is_the_one_that_each_step_used(recording) -> None:
    x, y = data()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1, decay_rate=0.5)
    model = network()
    model.compile(keras.optimizers.SGD(schedule), cross_entropy(), jit_compile=False)
    model.fit(x, y, batch_size=BATCH, verbose=0, callbacks=[Monitor(recording.run)])
    told = recording.told()
    assert list(told.scalar("learning_rate").values()) == pytest.approx([0.1 * 0.5**step for step in range(7)])
    assert told.description.optimizer.schedule == "ExponentialDecay"


def test_metrics_are_reported_each_step_as_keras_has_them(recording) -> None:
    x, y = data()
    model = network()
    model.compile(keras.optimizers.SGD(0.1), cross_entropy(), metrics=["accuracy"], jit_compile=False)
    history = model.fit(x, y, batch_size=BATCH, verbose=0, callbacks=[Monitor(recording.run)])
    told = recording.told()
    assert len(told.scalar("accuracy")) == 7
    assert told.scalar("accuracy")[7] == pytest.approx(history.history["accuracy"][0])
    assert list(told.description.training.metrics) == ["accuracy"]


class AdversarialPair(keras.Model):
    """Two networks, an optimizer for each, and a train step of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = keras.Sequential([keras.Input((6,)), layers.Dense(1, "tanh")], name="critic")
        self.maker = keras.Sequential([keras.Input((2,)), layers.Dense(6)], name="maker")
        self.critic_optimizer = keras.optimizers.Adam(0.01)
        self.maker_optimizer = keras.optimizers.SGD(0.1)

    def call(self, noise: Any) -> Any:
        return self.critic(self.maker(noise))

    def train_step(self, data: Any) -> dict[str, Any]:
        real = data[0] if isinstance(data, tuple) else data
        noise = real[:, :2]
        with tf.GradientTape() as tape:
            critic_loss = tf.reduce_mean(self.critic(self.maker(noise))) - tf.reduce_mean(self.critic(real))
        variables = self.critic.trainable_variables
        self.critic_optimizer.apply_gradients(zip(tape.gradient(critic_loss, variables), variables, strict=True))
        with tf.GradientTape() as tape:
            maker_loss = -tf.reduce_mean(self.critic(self.maker(noise)))
        variables = self.maker.trainable_variables
        self.maker_optimizer.apply_gradients(zip(tape.gradient(maker_loss, variables), variables, strict=True))
        return {"critic_loss": critic_loss, "maker_loss": maker_loss}


def test_a_train_step_of_ones_own_with_two_optimizers_is_seen_whole(recording) -> None:
    model = AdversarialPair()
    model.compile(jit_compile=False)
    model.fit(data()[0], batch_size=BATCH, verbose=0, callbacks=[Monitor(recording.run)])
    told = recording.told()
    assert [tensor.layer for tensor in told.description.tensors] == ["critic/dense"] * 2 + ["maker/dense_1"] * 2
    assert (told.norms("gradient_norm") > 0).all()
    assert (told.norms("update_norm") > 0).all()
    assert len(told.scalar("critic_loss")) == len(told.scalar("maker_loss")) == 7
    assert told.scalar("learning_rate")[1] == pytest.approx(0.01)
    assert told.scalar("learning_rate/maker_optimizer")[1] == pytest.approx(0.1)


class Hesitant(keras.Sequential):
    """Updates its weights only when the loss is positive, in a branch of the graph."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)

        def update() -> Any:
            self.optimizer.apply(gradients, self.trainable_variables)
            return 1

        tf.cond(loss > 0, update, lambda: 0)
        return {"loss": loss}


def test_a_step_that_hides_its_optimizer_still_reports_what_it_returns(recording) -> None:
    model = Hesitant([keras.Input((6,)), layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.1), cross_entropy(), jit_compile=False)
    model.fit(*data(), batch_size=BATCH, verbose=0, callbacks=[Monitor(recording.run)])
    told = recording.told()
    assert list(told.scalar("loss")) == list(range(1, 8))
    assert told.tensors == []
    assert told.steps() == []
