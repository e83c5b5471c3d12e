"""What a step is said to have done is what it did."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from paramedic.integrations.jax import measure, watch

NAMES = ["hidden/kernel", "hidden/bias", "output/kernel", "output/bias"]


def begin(dtype: Any = jnp.float32) -> dict[str, dict[str, Any]]:
    rng = np.random.default_rng(0)

    def dense(inputs: int, units: int) -> dict[str, Any]:
        kernel = jnp.asarray(rng.normal(size=(inputs, units)), dtype)
        return {"kernel": kernel, "bias": jnp.zeros(units, dtype)}

    return {"hidden": dense(40, 30), "output": dense(30, 1)}


def loss_fn(params: Any, x: Any, y: Any) -> Any:
    hidden = jnp.tanh(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    return jnp.mean(jnp.square(hidden @ params["output"]["kernel"] + params["output"]["bias"] - y))


def data(steps: int) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    return [(rng.normal(size=(16, 40)).astype("f4"), rng.normal(size=(16, 1)).astype("f4")) for _ in range(steps)]


def norms(tree: Any) -> list[float]:
    return [float(np.linalg.norm(np.asarray(tree[layer][leaf], np.float64))) for layer, leaf in map(_split, NAMES)]


def _split(name: str) -> list[str]:
    return name.split("/")


class Loop:
    """A loop that clips, and keeps what it did."""

    def __init__(self, optimizer: Any) -> None:
        self.params = begin()
        self.state = optimizer.init(self.params)
        self.gradients: list[list[float]] = []
        self.weights: list[list[float]] = []
        self.updates: list[list[float]] = []
        self.losses: list[float] = []

        def step(params: Any, state: Any, x: Any, y: Any) -> Any:
            loss, gradients = jax.value_and_grad(loss_fn)(params, x, y)
            updates, state = optimizer.update(gradients, state, params)
            updated = optax.apply_updates(params, updates)
            return updated, state, measure(loss, gradients, params, updated, learning_rate=state), gradients

        self._step = jax.jit(step)

    def step(self, x: Any, y: Any) -> Any:
        before = self.params
        self.params, self.state, measured, gradients = self._step(before, self.state, x, y)
        self.gradients.append(norms(gradients))
        self.weights.append(norms(before))
        self.updates.append(
            norms(jax.tree.map(lambda new, old: np.asarray(new) - np.asarray(old), self.params, before))
        )
        self.losses.append(float(loss_fn(before, x, y)))
        return measured


def test_norms_are_those_of_gradients_before_clipping_of_weights_and_of_what_was_added(recording) -> None:
    optimizer = optax.chain(optax.clip_by_global_norm(0.01), optax.sgd(0.1))
    loop, batches = Loop(optimizer), data(9)
    watching = watch(recording.run, loss_fn, loop.params, *batches[0], optimizer=optimizer, every=4)
    for x, y in batches:
        watching.log(loop.step(x, y))
    told = recording.told()  # which asks for the ninth step, the rest of which is still on the device
    assert told.tensors == NAMES
    assert told.steps() == list(range(1, 10))
    assert told.norms("gradient_norm") == pytest.approx(np.array(loop.gradients), rel=1e-4)
    assert told.norms("weight_norm") == pytest.approx(np.array(loop.weights), rel=1e-5)
    assert told.norms("update_norm") == pytest.approx(np.array(loop.updates), rel=1e-3, abs=1e-7)
    assert list(told.scalar("loss").values()) == pytest.approx(loop.losses, rel=1e-4)
    assert told.scalar("learning_rate") == dict.fromkeys(range(1, 10), 0.1)
    assert told.description.optimizer.global_clipnorm == 0.01


def test_learning_rates_come_from_the_state_the_schedule_or_the_author(tmp_path, recording) -> None:
    batches = data(5)
    injected = optax.inject_hyperparams(optax.adam)(learning_rate=optax.linear_schedule(1.0, 0.0, 10))
    scheduled = optax.sgd(optax.linear_schedule(1.0, 0.0, 10))
    options = [(injected, {}), (scheduled, {"optimizer": scheduled}), (scheduled, {"learning_rate": 0.25})]
    for optimizer, given in options:
        loop = Loop(optimizer)
        watching = watch(recording.run, loss_fn, loop.params, *batches[0], probes=False, **given)
        for x, y in batches:
            watching.log(loop.step(x, y))
        watching.flush()
    expected = [1.0, 0.9, 0.8, 0.7, 0.6] * 2 + [0.25] * 5
    assert list(recording.told().scalar("learning_rate").values()) == pytest.approx(expected, rel=1e-5)


def test_a_scan_hands_over_the_steps_that_it_ran(recording) -> None:
    batches = data(12)
    stacked = [jnp.stack(each) for each in zip(*batches, strict=True)]

    def step(params: Any, batch: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_fn)(params, *batch)
        updated = jax.tree.map(lambda old, gradient: old - 0.1 * gradient, params, gradients)
        return updated, (measure(loss, gradients, params, updated), loss)

    params = begin()
    watching = watch(recording.run, loss_fn, params, *batches[0])
    params, (measured, losses) = jax.jit(lambda params, data: jax.lax.scan(step, params, data))(params, stacked)
    watching.log(measured, params=params, again=losses)
    assert watching.step == 12
    told = recording.told()
    assert told.steps() == list(range(1, 13))
    assert told.norms("gradient_norm").shape == (12, 4)
    assert list(told.scalar("again").values()) == pytest.approx(list(told.scalar("loss").values()))
    assert list(told.scalar("probe_seconds")) == [12]
    times = [time for batch in told.batches for time in batch.times]
    assert times == sorted(times)


def test_a_scan_may_hand_over_its_losses_alone(recording) -> None:
    watching = watch(recording.run, loss_fn, begin(), *data(1)[0], probes=False)
    watching.log(jnp.arange(5.0), note=jnp.arange(3.0))  # what is not one number a step is left out
    watching.log(jnp.zeros(5), constant=jnp.float32(2.0))
    told = recording.told()
    assert told.scalar("loss") == {step + 1: float(step) for step in range(5)} | dict.fromkeys(range(6, 11), 0.0)
    assert told.scalar("note") == {}
    assert told.scalar("constant") == dict.fromkeys(range(6, 11), 2.0)
    assert not watching.off


def test_what_was_added_to_half_precision_weights_is_what_is_left_of_the_update(recording) -> None:
    def step(params: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_fn)(params, x, y)
        updated = optax.apply_updates(params, jax.tree.map(lambda leaf: jnp.full_like(leaf, 1e-4), params))
        return updated, measure(loss, gradients, params, updated)

    params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape, jnp.bfloat16), begin())
    ((x, y),) = data(1)
    watching = watch(recording.run, loss_fn, params, x, y, probes=False)
    _, measured = jax.jit(step)(params, x, y)
    watching.log(measured)
    told = recording.told()
    assert measured.dtype == jnp.float32
    assert told.norms("weight_norm")[0] == pytest.approx(np.sqrt([1200, 30, 30, 1]), rel=1e-5)
    assert not told.norms("update_norm").any()  # 1e-4 is less than half a step of bfloat16 beside 1
    assert told.description.training.precision == "bfloat16"


def test_what_has_no_gradient_is_zero_and_what_is_no_real_number_has_no_norm(recording) -> None:
    params = {"weight": jnp.ones(3), "unused": jnp.ones(2), "count": jnp.zeros((), jnp.int32), "name": "x"}

    def loss_fn(params: Any, x: Any) -> Any:
        return jnp.sum(params["weight"] * x), {"aux": x}

    watching = watch(recording.run, loss_fn, params, jnp.ones(3), probes=False)
    gradients = {"weight": jnp.ones(3), "unused": None, "count": None, "name": None}
    watching.log(measure(loss_fn(params, jnp.ones(3)), gradients, params, params))
    told = recording.told()
    values = dict(zip(told.tensors, told.norms("gradient_norm")[0], strict=True))
    assert values == pytest.approx({"weight": np.sqrt(3), "unused": 0})
    assert told.scalar("loss") == {1: 3.0}


def test_norms_are_right_however_long_a_tensor_is_and_whatever_its_numbers() -> None:
    rng = np.random.default_rng(0)
    shapes = [(), (0,), (7,), (3, 5, 11), (600,), (127, 129), (130, 131), (70_001,)]
    drawn = [rng.normal(size=(3, *shape)).astype("f4") for shape in shapes]
    drawn.append((rng.normal(size=(3, 40)) + 1j * rng.normal(size=(3, 40))).astype("c8"))
    gradients, before, after = (list(each) for each in zip(*drawn, strict=True))
    measured = np.asarray(jax.jit(measure)(0.5, gradients, before, after))
    added = [new - old for new, old in zip(after, before, strict=True)]
    expected = [float(np.linalg.norm(np.ravel(leaf).astype("c16"))) for leaf in [*gradients, *before, *added]]
    assert measured[0] == 0.5
    assert measured[1:] == pytest.approx(expected, rel=1e-6)


def test_what_is_no_number_in_one_tensor_leaves_the_norms_of_others_alone() -> None:
    ones = [np.ones(9, "f4"), np.ones((2, 300), "f4"), np.ones(20_000, "f4")]
    gradients = [ones[0] * np.nan, ones[1], ones[2]]
    updated = [2 * ones[0], ones[1] * np.inf, 2 * ones[2]]
    measured = np.asarray(jax.jit(measure)(0.5, gradients, ones, updated))
    norms = np.sqrt(np.array([9, 600, 20_000], "f4"))
    expected = [[np.nan, *norms[1:]], norms, [norms[0], np.inf, norms[2]]]
    assert measured[1:].reshape(3, 3) == pytest.approx(np.array(expected), rel=1e-6, nan_ok=True)


def test_more_steps_than_are_fetched_at_once_keep_their_order(recording) -> None:
    watching = watch(recording.run, loss_fn, begin(), *data(1)[0], probes=False, every=150)
    for step in range(1, 151):
        even = {"even": jnp.bfloat16(step)} if step % 2 == 0 else {}
        watching.log(jnp.float32(step), twice=jnp.int32(2 * step), **even)
    told = recording.told()
    assert told.scalar("loss") == {step: step for step in range(1, 151)}
    assert told.scalar("twice") == {step: 2 * step for step in range(1, 151)}
    assert told.scalar("even") == {step: step for step in range(2, 151, 2)}


def test_each_step_may_tell_more_and_what_is_not_told_is_absent(recording) -> None:
    watching = watch(recording.run, loss_fn, begin(), *data(1)[0], probes=False)
    watching.log(jnp.float32(0.5), accuracy=jnp.float32(0.25))
    watching.log(0.25)
    watching.log(val_loss=0.75)
    watching.epoch_ended(val_loss=0.5)
    told = recording.told()
    assert told.scalar("loss") == {1: 0.5, 2: 0.25}
    assert told.scalar("accuracy") == {1: 0.25}
    assert list(told.scalar("val_loss")) == [2]
    assert told.steps() == []
    assert told.order.count("epoch_ended") == 1


def test_a_training_goes_on_from_its_checkpoint(recording) -> None:
    schedule = optax.linear_schedule(1.0, 0.0, 10)
    watching = watch(recording.run, loss_fn, begin(), *data(1)[0], learning_rate=schedule, step=5, probes=False)
    watching.log(1.0)
    told = recording.told()
    assert told.scalar("loss") == {6: 1.0}
    assert told.scalar("learning_rate") == pytest.approx({6: 0.5})


def test_an_error_that_ends_the_loop_is_reported_behind_its_steps(recording) -> None:
    def train() -> None:
        with recording.run as run:
            watch(run, loss_fn, begin(), *data(1)[0], probes=False).log(1.0)
            raise FloatingPointError("the loss is NaN")

    with pytest.raises(FloatingPointError):
        train()
    told = recording.told()
    assert told.error.message == "the loss is NaN"
    assert told.scalar("loss") == {1: 1.0}


def test_what_cannot_be_watched_leaves_the_loop_alone(recording, caplog) -> None:
    def broken(params: Any) -> Any:
        raise ValueError("not today")

    params = begin()
    watching = watch(recording.run, broken, params)
    watching.log(measure(1.0, params, params, params), params=params)
    measured = measure(1.0, {"another": jnp.ones(3)}, params, params)
    assert measured.shape == (1,)
    watching.log(measured, params=params)
    watching.log(1.0)
    told = recording.told()
    assert sorted(told.tensors) == sorted(NAMES)
    assert told.steps() == [1]


def test_in_a_forked_child_nothing_is_kept(recording) -> None:
    watching = watch(recording.run, loss_fn, begin(), *data(1)[0], probes=False)
    recording.run.become_inert()  # as a fork does to the runs of the child
    watching.log(2.0)
    watching.epoch_ended(val_loss=1.0)
    assert watching.step == 0
    again = watch(recording.run, loss_fn, begin(), *data(1)[0])
    again.log(2.0)
    assert again.step == 0
