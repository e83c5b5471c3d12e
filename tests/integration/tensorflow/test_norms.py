"""What a watch measures is what a plain loop over the same batches measures."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from support.tape_loops import MODES, run_loop, tape_step

BATCH = 8
SIGNALS = ("gradient_norm", "weight_norm", "update_norm")


def batches(count: int = 6) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(5)
    shapes = [(BATCH, 6)] * count
    return [(tf.constant(rng.normal(size=each), tf.float32), tf.constant(rng.integers(0, 3, BATCH))) for each in shapes]


def network() -> Any:
    keras.utils.set_random_seed(5)
    return keras.Sequential([keras.Input((6,)), layers.Dense(9, "tanh"), layers.Dense(3)])


def cross_entropy() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def measured(model: Any, optimizer: Any, change: Callable[[Any], Any] | None = None) -> dict[str, np.ndarray]:
    """Trains step by step, and measures before and after each."""
    found: dict[str, list[Any]] = {"loss": [], **{name: [] for name in SIGNALS}}
    for x, y in batches():
        with tf.GradientTape() as tape:
            loss = cross_entropy()(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        before = [variable.numpy() for variable in model.trainable_variables]
        optimizer.apply(gradients if change is None else change(gradients), model.trainable_variables)
        after = [variable.numpy() for variable in model.trainable_variables]
        found["loss"].append(float(loss))
        found["gradient_norm"].append([np.linalg.norm(tf.convert_to_tensor(each)) for each in gradients])
        found["weight_norm"].append([np.linalg.norm(weight) for weight in before])
        found["update_norm"].append([np.linalg.norm(a - b) for a, b in zip(after, before, strict=True)])
    return {name: np.array(values) for name, values in found.items()}


def agree(told: Any, expected: dict[str, np.ndarray], rtol: float = 1e-3) -> None:
    assert told.steps() == list(range(1, 7))
    assert list(told.scalar("loss").values()) == pytest.approx(expected["loss"], rel=rtol)
    for signal in SIGNALS:
        np.testing.assert_allclose(told.norms(signal), expected[signal], rtol=rtol, atol=1e-6, err_msg=signal)


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "plain": lambda: keras.optimizers.Adam(0.01),
    "global_clipnorm": lambda: keras.optimizers.SGD(0.1, global_clipnorm=0.01),
}


@pytest.mark.parametrize(
    ("optimizer", "mode"), [("plain", "eager"), ("plain", "graph"), ("plain", "xla"), ("global_clipnorm", "graph")]
)
def test_norms_and_loss_are_those_of_a_plain_loop(optimizer: str, mode: str, recording) -> None:
    expected = measured(network(), OPTIMIZERS[optimizer]())
    model, used, loss_of = network(), OPTIMIZERS[optimizer](), cross_entropy()
    watch = recording.run.watch(model, used, loss=loss_of, every=4)
    run_loop(MODES[mode](tape_step(model, used, loss_of)), batches(), watch)
    told = recording.told()
    agree(told, expected)
    assert told.tensors == [variable.path for variable in model.trainable_variables]
    assert set(told.scalar("learning_rate").values()) == {float(np.float32(used.get_config()["learning_rate"]))}


CLIPPING: dict[str, Callable[[Any], Any]] = {
    "clip_by_global_norm": lambda gradients: tf.clip_by_global_norm(gradients, 0.01)[0],
    "clip_by_norm": lambda gradients: [tf.clip_by_norm(each, 0.01) for each in gradients],
    "clip_by_value": lambda gradients: [tf.clip_by_value(each, -0.001, 0.001) for each in gradients],
}


@pytest.mark.parametrize("clipping", CLIPPING)
def test_gradients_that_tensorflow_clips_in_the_graph_are_seen_before_it(clipping: str, recording) -> None:
    change = CLIPPING[clipping]
    expected = measured(network(), keras.optimizers.SGD(0.1), change)
    model, optimizer, loss_of = network(), keras.optimizers.SGD(0.1), cross_entropy()
    watch = recording.run.watch(model, optimizer, probes=False)
    run_loop(tf.function(tape_step(model, optimizer, loss_of, change)), batches(), watch)
    agree(recording.told(), expected)


@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_gradients_that_are_shown_are_measured_in_place_of_what_the_loop_makes_of_them(mode: str, recording) -> None:
    def shrunk(gradients: Any) -> Any:
        return [0.01 * each for each in gradients]

    expected = measured(network(), keras.optimizers.SGD(0.1), shrunk)
    model, optimizer, loss_of = network(), keras.optimizers.SGD(0.1), cross_entropy()
    watch = recording.run.watch(model, optimizer, probes=False)
    step = tape_step(model, optimizer, loss_of, lambda gradients: shrunk(watch.gradients(gradients)))
    run_loop(MODES[mode](step), batches(), watch)
    agree(recording.told(), expected)


def test_weights_and_updates_of_eager_steps_are_measured_at_first_and_now_and_then(recording) -> None:
    model, optimizer, loss_of = network(), keras.optimizers.SGD(0.1), cross_entropy()
    watch = recording.run.watch(model, optimizer, loss=loss_of, probes=False)
    step = tape_step(model, optimizer, loss_of)
    weights = [model.get_weights()]
    for x, y in batches(90):
        watch.log(loss=step(x, y))
        weights.append(model.get_weights())
    told = recording.told()
    measured = [*range(64), 67, 84]  # the first ones, and those of the 68th and the 85th call
    before = [[np.linalg.norm(each) for each in weights[row]] for row in measured]
    after = [[np.linalg.norm(b - a) for a, b in zip(*weights[row : row + 2], strict=True)] for row in measured]
    assert told.norms("gradient_norm").shape == (90, 4)
    np.testing.assert_allclose(told.norms("weight_norm"), before, rtol=1e-4)
    np.testing.assert_allclose(told.norms("update_norm"), after, rtol=1e-3)


def test_mixed_precision_reports_gradients_without_the_loss_scale(recording) -> None:
    expected = measured(network(), keras.optimizers.SGD(0.1))
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = network()
    finally:
        keras.config.set_dtype_policy("float32")
    optimizer, loss_of = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), cross_entropy()
    watch = recording.run.watch(model, optimizer, loss=loss_of)
    run_loop(tf.function(tape_step(model, optimizer, loss_of)), batches(), watch)
    told = recording.told()
    assert told.description.optimizer.dynamic_loss_scale
    assert told.description.training.precision == "mixed_float16"
    agree(told, expected, rtol=0.05)


@pytest.mark.parametrize("clipped", [False, True])
def test_gradients_of_some_rows_are_measured_whole(clipped: bool, recording) -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Embedding(4, 2, embeddings_initializer="ones")])
    optimizer = keras.optimizers.SGD(1.0)
    watch = recording.run.watch(model, optimizer)

    @tf.function
    def step(words: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(words))
        gradients = tape.gradient(loss, model.trainable_variables)
        assert isinstance(gradients[0], tf.IndexedSlices)
        if clipped:
            gradients, _ = tf.clip_by_global_norm(gradients, 0.5)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    watch.log(loss=step(tf.constant([[0, 0, 1]])))  # row 0 twice: its gradient is 2 in each of two columns
    told = recording.told()
    norm = np.sqrt(2 * 2**2 + 2 * 1**2)
    assert told.norms("gradient_norm")[0] == pytest.approx([norm])
    # Clipping takes the norm of the slices, which are three of ones.
    assert told.norms("update_norm")[0] == pytest.approx([norm * 0.5 / np.sqrt(6) if clipped else norm])


class Line(tf.Module):
    """No layers, and weights that the loop itself updates."""

    def __init__(self) -> None:
        super().__init__(name="line")
        self.slope = tf.Variable([[1.0], [2.0]], name="slope")
        self.offset = tf.Variable([0.5], name="offset")


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "graph"])
def test_a_loop_without_an_optimizer_shows_its_gradients(compiled: bool, recording) -> None:
    line = Line()
    watch = recording.run.watch(line)

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ line.slope + line.offset - y))
        gradients = tape.gradient(loss, line.trainable_variables)
        for variable, gradient in zip(line.trainable_variables, gradients, strict=True):
            variable.assign_sub(0.1 * gradient)
        return loss, gradients

    step = tf.function(step) if compiled else step
    shown, weights = [], []
    for _ in range(3):
        weights.append([float(tf.norm(variable)) for variable in line.trainable_variables])
        loss, gradients = step(tf.constant([[1.0, 3.0]]), tf.constant([[0.0]]))
        watch.log(loss=loss, gradients=gradients)
        shown.append([float(tf.norm(gradient)) for gradient in gradients])
    told = recording.told()
    assert told.tensors == [variable.name.partition(":")[0] for variable in line.trainable_variables]
    np.testing.assert_allclose(told.norms("gradient_norm"), shown, rtol=1e-5)
    np.testing.assert_allclose(told.norms("weight_norm"), weights, rtol=1e-5)
    np.testing.assert_allclose(told.norms("update_norm"), 0.1 * np.array(shown), rtol=1e-4)
    assert told.scalar("learning_rate") == {}
    assert told.description.model.trainable_parameters == 3


def test_a_broken_training_says_so(recording) -> None:
    model, optimizer, loss_of = network(), keras.optimizers.SGD(1e38), cross_entropy()
    watch = recording.run.watch(model, optimizer, loss=loss_of)
    run_loop(tf.function(tape_step(model, optimizer, loss_of)), batches(), watch)
    told = recording.told()
    assert np.isnan(list(told.scalar("loss").values())[-1])
    assert not np.isfinite(told.norms("weight_norm")[-1]).all()
    assert np.isfinite(told.norms("gradient_norm")[0]).all()
