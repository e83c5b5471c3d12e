"""The watch of a PyTorch loop reports what happens, and is in nobody's way."""

import copy
import gc
import io
import logging
import pickle
import weakref
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import paramedic
from paramedic.integrations.torch import TorchWatch
from paramedic.integrations.torch.norms import Norms
from paramedic.integrations.watch import Unwatched
from paramedic.v1.run_pb2 import RUN_STATE_FAILED
from support.recording import Recording
from support.spooled import Told
from support.torch_loops import Measured, data, network


def sgd(model: Any) -> Any:
    return torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)


def train(model: Any, optimizer: Any, watch: Any, steps: int) -> list[float]:
    losses = []
    for x, y in data(steps):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if watch is not None:
            watch.log(loss=loss)
        losses.append(loss.item())
    return losses


def test_a_loop_is_described_once_its_first_step_is_over(recording) -> None:
    model = network()
    optimizer = sgd(model)
    watch = recording.run.watch(model, optimizer, loss=nn.CrossEntropyLoss())
    assert isinstance(watch, TorchWatch)
    train(model, optimizer, watch, 3)
    told = recording.told()
    assert [layer.kind for layer in told.description.model.layers] == ["Dense", "Dense"]
    assert told.description.optimizer.name == "sgd"
    assert told.description.environment.framework == "torch"
    assert told.description.losses[0].name == "sparse_categorical_crossentropy"
    assert told.description.training.batch_size == 8
    assert told.order.index("batch") > told.order.index("description")
    assert list(told.scalar("probe_seconds")) == [1]


def test_what_is_logged_beside_the_loss_belongs_to_its_step(recording) -> None:
    model = network()
    optimizer = sgd(model)
    watch = recording.run.watch(model, optimizer)
    running = torch.zeros(())
    for epoch in range(2):
        for x, y in data(3):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y, reduction="none")
            loss.mean().backward()
            optimizer.step()
            running += 1  # in place, after it was logged
            watch.log(loss=loss, running=running, accuracy=0.5, nothing=None, count=torch.tensor(3))
        watch.epoch_ended(val_loss=torch.tensor(1.0 + epoch))
    watch.log(val_accuracy=0.25)
    told = recording.told()
    assert told.scalar("running") == {step: float(step) for step in range(1, 7)}
    assert told.scalar("accuracy") == dict.fromkeys(range(1, 7), 0.5)
    assert told.scalar("count") == dict.fromkeys(range(1, 7), 3.0)
    assert told.scalar("val_loss") == {3: 1.0, 6: 2.0}
    assert told.scalar("val_accuracy") == {6: 0.25}
    epochs = [(event.step, event.epoch_ended.epoch) for event in told.events if event.HasField("epoch_ended")]
    assert epochs == [(3, 0), (6, 1)]


def test_steps_without_a_log_have_norms_all_the_same(recording) -> None:
    model = network()
    optimizer = sgd(model)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer)
    for step, (x, y) in enumerate(data(7), 1):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        measured.gradients()
        measured.update(optimizer.step)
        if step % 3 == 0:
            watch.log(loss=float(step))
    told = recording.told()
    assert told.scalar("loss") == {3: 3.0, 6: 6.0}
    measured.agree(told)
    assert told.steps() == [1, 2, 3, 4, 5, 6, 7]


def test_losses_that_are_no_numbers_arrive_as_they_are(recording) -> None:
    model = network()
    optimizer = sgd(model)
    watch = recording.run.watch(model, optimizer)
    for value in (1.0, torch.inf, torch.nan):
        optimizer.zero_grad()
        (model(torch.randn(2, 6)).sum() * value).backward()
        optimizer.step()
        watch.log(loss=torch.tensor(value))
    told = recording.told()
    assert [str(value) for value in told.scalar("loss").values()] == ["1.0", "inf", "nan"]
    assert str(told.norms("gradient_norm")[2, 0]) == "nan"


@pytest.mark.parametrize("failing", ["forward", "backward", "step"])
def test_what_ends_the_loop_is_reported_with_the_steps_before_it(failing: str, tmp_path) -> None:
    model = network()
    optimizer = sgd(model)

    def fail(*_: Any) -> None:
        raise RuntimeError("out of patience")

    def run_it() -> None:
        with paramedic.init("recording", id="run", mode="offline", spool_dir=tmp_path) as run:
            watch = run.watch(model, optimizer)
            train(model, optimizer, watch, 5)
            if failing == "forward":
                model.register_forward_hook(fail)
            elif failing == "backward":
                model[0].weight.register_hook(fail)
            else:
                optimizer.register_step_post_hook(fail)
            train(model, optimizer, watch, 1)

    with pytest.raises(RuntimeError, match="out of patience"):
        run_it()
    (directory,) = tmp_path.glob("*/*")
    told = Told(directory)
    assert list(told.scalar("loss")) == [1, 2, 3, 4, 5]
    assert told.error.message == "out of patience"
    assert told.state == RUN_STATE_FAILED


def test_a_loop_that_fails_before_its_first_step_is_described(tmp_path) -> None:
    model = network()
    optimizer = sgd(model)

    def run_it() -> None:
        with paramedic.init("recording", id="run", mode="offline", spool_dir=tmp_path) as run:
            run.watch(model, optimizer)
            cross_entropy(model(torch.randn(2, 6)), torch.tensor([5, 0])).backward()

    with pytest.raises(IndexError):
        run_it()
    (directory,) = tmp_path.glob("*/*")
    told = Told(directory)
    assert len(told.description.model.layers) == 2
    assert told.error.kind == "IndexError"


def test_a_backward_pass_that_fails_does_not_spoil_the_next(recording) -> None:
    model = network()
    optimizer = sgd(model)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer)
    for x, y in data(4):
        handle = model[0].weight.register_hook(lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cross_entropy(model(x), y).backward()
        handle.remove()
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        measured.gradients()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        measured.update(optimizer.step)
        watch.log(loss=loss)
    measured.agree(recording.told())


def test_models_and_optimizers_are_copied_and_saved_without_their_watch(recording) -> None:
    model = network()
    optimizer = sgd(model)
    watch = recording.run.watch(model, optimizer)
    train(model, optimizer, watch, 2)
    copies = [copy.deepcopy((model, optimizer)), pickle.loads(pickle.dumps((model, optimizer)))]
    file = io.BytesIO()
    torch.save((model, optimizer), file)
    assert b"paramedic" not in file.getvalue()
    file.seek(0)
    copies.append(torch.load(file, weights_only=False))
    for own_model, own_optimizer in copies:
        train(own_model, own_optimizer, None, 3)
    state = model.state_dict(), optimizer.state_dict()
    model.load_state_dict(state[0])
    optimizer.load_state_dict(state[1])
    train(model, optimizer, watch, 2)
    assert recording.told().steps() == [1, 2, 3, 4]


def test_what_was_removed_leaves_nothing_behind(recording) -> None:
    model = network()
    optimizer = sgd(model)
    watch = recording.run.watch(model, optimizer)
    train(model, optimizer, watch, 3)
    watch.remove()
    train(model, optimizer, watch, 3)
    assert not any(parameter._post_accumulate_grad_hooks for parameter in model.parameters())
    hooks = [optimizer._optimizer_step_pre_hooks, optimizer._optimizer_step_post_hooks]
    for module in model.modules():
        hooks += [module._forward_hooks, module._forward_pre_hooks, module._backward_hooks]
    assert not any(hooks)
    told = recording.told()
    assert told.steps() == [1, 2, 3]


def test_a_run_that_ended_keeps_no_model_alive(tmp_path) -> None:
    model = network()
    optimizer = sgd(model)
    run = paramedic.init("recording", mode="offline", spool_dir=tmp_path)
    train(model, optimizer, run.watch(model, optimizer), 3)
    run.finish()
    train(model, optimizer, None, 2)
    watched = weakref.ref(model)
    del model, optimizer
    gc.collect()
    assert watched() is None


@pytest.mark.parametrize("broken", ["measure_gradients", "remember", "updated", "write", "take"])
def test_a_problem_of_ours_switches_the_watch_off_and_the_loop_goes_on(
    broken: str, tmp_path, monkeypatch, caplog
) -> None:
    bare = network()
    expected = train(bare, sgd(bare), None, 8)

    def fail(*_: Any) -> None:
        raise RuntimeError("ours")

    recording = Recording(tmp_path)
    model = network()
    optimizer = sgd(model)
    watch = recording.run.watch(model, optimizer, every=2)
    train(model, optimizer, watch, 0)
    monkeypatch.setattr(Norms, broken, fail)
    with caplog.at_level(logging.WARNING, logger="paramedic"):
        assert train(model, optimizer, watch, 8) == expected
    assert watch.off
    assert [record.message for record in caplog.records] == [
        "the watch met a problem and is off; the training goes on without it"
    ]
    recording.run.finish(timeout=30)


def test_where_memory_is_short_weights_are_left_out(recording, monkeypatch) -> None:
    def fail(*_: Any) -> None:
        raise torch.cuda.OutOfMemoryError("none left")

    model = network()
    optimizer = sgd(model)
    watch = recording.run.watch(model, optimizer)
    monkeypatch.setattr(torch, "_foreach_mul", fail)  # what copies the weights
    train(model, optimizer, watch, 4)
    told = recording.told()
    assert told.steps() == [1, 2, 3, 4]
    assert len(told.norms("gradient_norm")) == 4
    assert not any(block.signal != 1 for batch in told.batches for block in batch.tensors if block.signal < 4)


def test_a_second_loop_goes_on_where_the_first_one_ended(recording) -> None:
    model = network()
    for _ in range(2):
        optimizer = sgd(model)
        watch = recording.run.watch(model, optimizer)
        train(model, optimizer, watch, 3)
        watch.remove()
    told = recording.told()
    assert told.steps() == [1, 2, 3, 4, 5, 6]


def test_what_has_no_optimizer_of_torch_is_not_watched(recording, caplog) -> None:
    with caplog.at_level(logging.ERROR, logger="paramedic"):
        for optimizer in (None, [], "sgd"):
            assert isinstance(recording.run.watch(network(), optimizer), Unwatched)


@pytest.mark.parametrize("compiled", ["model", "function", "optimizer"])
def test_compiled_loops_are_watched(compiled: str, recording) -> None:
    torch.compiler.reset()
    model = network()
    optimizer = sgd(model)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer)
    called, step = model, optimizer.step
    if compiled == "model":
        called = torch.compile(model, backend="aot_eager")
    if compiled == "optimizer":
        step = torch.compile(optimizer.step, backend="eager")

    def loss_of(x: Any, y: Any) -> Any:
        return cross_entropy(called(x), y)

    if compiled == "function":
        loss_of = torch.compile(loss_of, backend="aot_eager")
    for x, y in data(6):
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        measured.gradients()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        measured.update(step)
        watch.log(loss=loss)
    told = recording.told()
    assert told.steps() == [1, 2, 3, 4, 5, 6]
    measured.agree(told)
