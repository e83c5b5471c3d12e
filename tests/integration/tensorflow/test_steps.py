"""Steps are updates of the weights, however they and the calls of `log` come."""

import logging
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from support.tape_loops import run_loop, tape_step

X = tf.constant(np.random.default_rng(3).normal(size=(8, 4)), tf.float32)
Y = tf.constant(np.random.default_rng(4).normal(size=(8, 1)), tf.float32)


def network() -> Any:
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1)])


def parts(rate: float = 0.01) -> tuple[Any, Any, Any]:
    return network(), keras.optimizers.SGD(rate), keras.losses.MeanSquaredError()


def test_losses_before_an_update_are_averaged(recording) -> None:
    model, optimizer, loss_of = parts()
    watch = recording.run.watch(model, optimizer, loss=loss_of)

    @tf.function
    def gradients_of(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        return loss, tape.gradient(loss, model.trainable_variables)

    update = tf.function(lambda gradients: optimizer.apply(gradients, model.trainable_variables))
    losses = []
    for _ in range(3):
        sums = None
        for part in range(4):
            loss, gradients = gradients_of(X[2 * part : 2 * part + 2], Y[2 * part : 2 * part + 2])
            sums = gradients if sums is None else [a + b for a, b in zip(sums, gradients, strict=True)]
            if part == 3:
                update(sums)
            watch.log(loss=loss, part=part)
            losses.append(float(loss))
    told = recording.told()
    assert told.steps() == [1, 2, 3]
    assert list(told.scalar("loss").values()) == pytest.approx(np.reshape(losses, (3, 4)).mean(axis=1))
    assert told.scalar("part") == {1: 1.5, 2: 1.5, 3: 1.5}


def test_a_loss_after_several_updates_is_that_of_the_last(recording) -> None:
    model, optimizer, loss_of = parts()
    watch = recording.run.watch(model, optimizer)
    step = tf.function(tape_step(model, optimizer, loss_of))
    for call in range(2):
        for _ in range(3):
            step(X, Y)
        watch.log(loss=float(call))
    told = recording.told()
    assert told.steps() == [1, 2, 3, 4, 5, 6]
    assert told.scalar("loss") == {3: 0.0, 6: 1.0}


def epoch_of(model: Any, optimizer: Any, loss_of: Any) -> Any:
    step = tape_step(model, optimizer, loss_of)

    @tf.function
    def epoch(steps: Any) -> Any:
        losses = tf.TensorArray(tf.float32, steps)
        for place in tf.range(steps):
            losses = losses.write(place, step(X, Y))
        return losses.stack()

    return epoch


def test_an_epoch_in_one_function_gives_a_row_a_step(recording) -> None:
    model, optimizer, loss_of = parts()
    watch = recording.run.watch(model, optimizer, loss=loss_of)
    epoch = epoch_of(model, optimizer, loss_of)
    losses = []
    for _ in range(2):
        losses.append(epoch(20))
        watch.log(loss=losses[-1])
        watch.epoch_ended()
    told = recording.told()
    assert told.steps() == list(range(1, 41))
    assert list(told.scalar("loss").values()) == pytest.approx(np.concatenate(losses))
    assert [event.step for event in told.events if event.HasField("epoch_ended")] == [20, 40]


def test_updates_that_there_is_no_room_for_are_dropped_and_counted(recording) -> None:
    model, optimizer, loss_of = parts()
    watch = recording.run.watch(model, optimizer)
    watch.log(loss=tf.reduce_mean(epoch_of(model, optimizer, loss_of)(1500)))
    told = recording.told(dropped={"buffer_full": 1500 - 1024})
    assert told.steps() == list(range(1500 - 1024 + 1, 1501))
    assert list(told.scalar("loss")) == [1500]


def test_batches_of_another_size_and_a_model_that_grows_trainable_are_followed(recording) -> None:
    model, optimizer, loss_of = parts()
    model.layers[0].trainable = False
    optimizer.build([*model.layers[0].variables, *model.trainable_variables])
    watch = recording.run.watch(model, optimizer, loss=loss_of, every=2)
    run_loop(tf.function(tape_step(model, optimizer, loss_of)), [(X, Y), (X[:5], Y[:5])] * 2, watch)
    watch.flush()
    model.layers[0].trainable = True
    run_loop(tf.function(tape_step(model, optimizer, loss_of)), [(X, Y), (X[:5], Y[:5])] * 2, watch)
    told = recording.told()
    assert list(told.scalar("loss")) == list(range(1, 9))
    assert told.steps() == list(range(1, 9))
    assert told.tensors == [variable.path for variable in model.trainable_variables]
    widths = {len(block.values) // len(batch.steps) for batch in told.batches for block in batch.tensors[:1]}
    assert widths == {2, 4}


def test_an_optimizer_that_is_called_in_a_branch_is_seen_when_it_is(recording) -> None:
    model, optimizer, loss_of = parts()
    watch = recording.run.watch(model, optimizer)

    @tf.function
    def step(wanted: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(Y, model(X))
        gradients = tape.gradient(loss, model.trainable_variables)
        if wanted:
            optimizer.apply(gradients, model.trainable_variables)
        return loss

    for place in range(6):
        watch.log(loss=step(tf.constant(place % 2 == 1)))
    told = recording.told()
    assert told.steps() == [1, 2, 3]
    assert len(told.scalar("loss")) == 3


class Pair(keras.Model):
    """A generator and its critic, each trained by an optimizer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.maker, self.critic = network(), network()


def test_optimizers_that_share_a_step_have_their_norms_and_rates_in_one_row(recording) -> None:
    pair, loss_of = Pair(), keras.losses.MeanSquaredError()
    makes, judges = keras.optimizers.SGD(0.1, name="makes"), keras.optimizers.SGD(0.2, name="judges")
    watch = recording.run.watch(pair, [makes, judges])
    make = tf.function(tape_step(pair.maker, makes, loss_of))
    judge = tf.function(tape_step(pair.critic, judges, loss_of))
    for place in range(8):
        judge(X, Y)
        if place % 2 == 0:
            make(X, Y)
        watch.log(loss=float(place))
    told = recording.told()
    assert list(told.scalar("loss")) == list(range(1, 9))
    assert told.steps() == [1, 3, 5, 7], "norms of some of the tensors are none"
    assert len(told.tensors) == 8
    assert np.isfinite(told.norms("update_norm")).all()
    assert list(told.scalar("learning_rate")) == [1, 3, 5, 7]
    assert set(told.scalar("learning_rate/judges")) == set(range(1, 9))


def test_a_graph_that_was_traced_before_gives_losses_and_says_what_is_missing(recording, caplog) -> None:
    model, optimizer, loss_of = parts()
    step = tf.function(tape_step(model, optimizer, loss_of))
    step(X, Y)
    watch = recording.run.watch(model, optimizer)
    with caplog.at_level(logging.WARNING, "paramedic"):
        run_loop(step, [(X, Y)] * 300, watch)
    told = recording.told()
    assert list(told.scalar("loss")) == list(range(1, 301))
    (said,) = [
        record.getMessage()
        for record in caplog.records
        if record.name == "paramedic" and record.levelno >= logging.WARNING
    ]
    assert "before the first step is traced" in said


def test_a_log_within_the_graph_ends_the_watch_and_not_the_training(recording, caplog) -> None:
    model, optimizer, loss_of = parts()
    watch = recording.run.watch(model, optimizer)
    plain = tape_step(model, optimizer, loss_of)

    @tf.function
    def step(x: Any, y: Any) -> Any:
        loss = plain(x, y)
        watch.log(loss=loss)
        return loss

    with caplog.at_level(logging.WARNING, "paramedic"):
        run_loop(step, [(X, Y)] * 3)
    (said,) = [record for record in caplog.records if record.name == "paramedic" and record.levelno >= logging.WARNING]
    assert "outside of the tf.function" in str(said.exc_info)
    assert int(optimizer.iterations) == 3
    assert "apply" not in vars(optimizer)


def test_a_training_goes_on_where_its_checkpoint_left_off_and_stops_being_watched_when_told(recording) -> None:
    model, optimizer, loss_of = parts()
    watch = recording.run.watch(model, optimizer, loss=loss_of, step=1000)
    step = tf.function(tape_step(model, optimizer, loss_of))
    run_loop(step, [(X, Y)] * 3, watch)
    watch.epoch_ended(val_loss=0.5)
    assert watch.step == 1003
    run_loop(step, [(X, Y)] * 2, watch)
    watch.remove()
    run_loop(step, [(X, Y)] * 2, watch)
    told = recording.told()
    assert told.steps() == [1001, 1002, 1003, 1004, 1005]
    assert told.scalar("val_loss") == {1003: 0.5}
    assert not {"apply", "call"} & (set(vars(optimizer)) | set(vars(model)) | set(vars(loss_of)))


def test_an_error_in_the_loop_is_reported_behind_the_steps_before_it(recording) -> None:
    model, optimizer, loss_of = parts()
    watch = recording.run.watch(model, optimizer)
    step = tf.function(tape_step(model, optimizer, loss_of))
    batches = [(X, Y)] * 3 + [(X, Y[:3])]
    with pytest.raises(ValueError, match="must be equal"), recording.run:
        run_loop(step, batches, watch)
    told = recording.told()
    assert told.steps() == [1, 2, 3]
    assert told.error.kind == "ValueError"
    assert told.order.index("error") > told.order.index("batch")


def test_what_cannot_be_watched_leaves_nothing_behind(recording, caplog) -> None:
    model, _, loss_of = parts()
    with caplog.at_level(logging.WARNING, "paramedic"):
        watch = recording.run.watch(model, "adam", loss=loss_of)
        watch.log(loss=1.0)
    assert watch.off
    assert "expected a keras.optimizers.Optimizer" in str(caplog.records[0].exc_info)
    assert not {"apply", "call"} & (set(vars(model)) | set(vars(loss_of)))
    recording.told()
    assert [record.levelno >= logging.WARNING for record in caplog.records].count(True) == 1


def test_gradients_that_do_not_fit_the_model_reach_the_loop_all_the_same(recording, caplog) -> None:
    model, optimizer, _ = parts()
    watch = recording.run.watch(model, optimizer)
    with caplog.at_level(logging.WARNING, "paramedic"):
        assert watch.gradients([1.0]) == [1.0]
    assert "4 trainable variables, got 1" in str(caplog.records[0].exc_info)
