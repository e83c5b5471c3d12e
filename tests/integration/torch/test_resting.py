"""Where steps are too short for all of them to be measured, nothing else of what a loop tells is lost."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from support.clocks import let_measuring_cost_too_much
from support.torch_loops import data, network, norm

STEPS = 200
MEASURED = [*range(1, 66), 128, 192]


@pytest.fixture(autouse=True)
def short_steps(monkeypatch):
    let_measuring_cost_too_much(monkeypatch)


class Loop:
    """A loop that says its loss at places of its choice, and keeps what it said and what its gradients were."""

    def __init__(self, recording: Any, **options: Any) -> None:
        self.model = network()
        self.optimizer = torch.optim.SGD(self.model.parameters(), 0.01)
        self.watch = recording.run.watch(self.model, self.optimizer, **{"probes": False} | options)
        self.losses: dict[int, float] = {}
        self.norms: dict[int, float] = {}
        self.updates: list[tuple[float, float]] = []
        self.step = 0

    def train(self, steps: int, passes: int = 1, say: Callable[[str, int], bool] = lambda place, _: place == "last"):
        """Takes steps of several backward passes; says the loss "before" or "after" each of them, or "last"."""
        batches = data(passes)
        for _ in range(steps):
            self.step += 1
            self.optimizer.zero_grad()
            said = []
            for x, y in batches:
                loss = cross_entropy(self.model(x), y)
                if say("before", self.step):
                    said.append(self._say(loss))
                loss.backward()
                if say("after", self.step):
                    said.append(self._say(loss))
            self.norms[self.step] = norm(self.model[0].weight.grad)
            nn.utils.clip_grad_norm_(self.model.parameters(), 0.01)
            began = time.time()
            self.optimizer.step()
            self.updates.append((began, time.time()))
            if say("last", self.step):
                said.append(self._say(loss))
            if say("each at last", self.step):
                said += [self._say(loss * place) for place in range(passes)]
            if said:
                self.losses[self.step] = float(np.mean(said))

    def _say(self, loss: Any) -> float:
        self.watch.log(loss=loss, accuracy=0.5)
        return float(loss.detach())

    def agrees(self, told: Any, measured: list[int]) -> None:
        """Compares all losses, and the norms of what was measured."""
        assert told.scalar("loss") == pytest.approx(self.losses)
        assert list(told.scalar("accuracy")) == list(self.losses)
        assert told.steps() == measured
        expected = [self.norms[step] for step in measured]
        np.testing.assert_allclose(told.norms("gradient_norm")[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("place", ["before", "after", "last", "each at last"])
@pytest.mark.parametrize("passes", [1, 3])
def test_every_loss_arrives_with_its_step(place: str, passes: int, recording) -> None:
    loop = Loop(recording)
    loop.train(STEPS, passes, lambda where, _: where == place)
    told = recording.told()
    loop.agrees(told, MEASURED)
    sent = [sent for batch in told.batches for sent in batch.times]
    assert len(sent) == STEPS
    assert all(began <= then <= ended for then, (began, ended) in zip(sent, loop.updates, strict=True))


def test_losses_that_are_said_now_and_then_arrive_with_their_steps(recording) -> None:
    loop = Loop(recording)
    loop.train(STEPS, say=lambda where, step: where == "last" and step % 10 == 0)
    loop.agrees(recording.told(), MEASURED)


def test_steps_that_nothing_is_said_of_are_counted(recording) -> None:
    loop = Loop(recording)
    loop.train(STEPS, say=lambda *_: False)
    assert loop.watch.step == STEPS
    told = recording.told()
    loop.agrees(told, MEASURED)
    assert sum(len(batch.steps) for batch in told.batches) == STEPS


def test_what_is_said_between_two_steps_belongs_to_those_before(recording) -> None:
    loop = Loop(recording)
    for epoch in range(4):
        loop.train(45)
        assert loop.watch.step == loop.step
        loop.watch.epoch_ended(val_loss=float(epoch))
    told = recording.told()
    assert told.scalar("val_loss") == {45: 0.0, 90: 1.0, 135: 2.0, 180: 3.0}
    ended = [event.step for event in told.events if event.HasField("epoch_ended")]
    assert ended == [45, 90, 135, 180]
    loop.agrees(told, [*range(1, 66), 128])


def test_probes_keep_to_their_steps(recording) -> None:
    loop = Loop(recording, probes=True)
    loop.train(STEPS)
    told = recording.told()
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100, 200]
    loop.agrees(told, [*range(1, 66), 100, 128, 192, 200])


def test_no_hook_is_left_where_nothing_is_measured_or_the_watch_is_gone(recording) -> None:
    loop = Loop(recording)

    def hooks() -> list[Any]:
        return [parameter._post_accumulate_grad_hooks for parameter in loop.model.parameters()]

    loop.train(64)
    assert all(hooks())
    loop.train(4)
    assert hooks() == [None] * 4
    own: list[int] = []
    handle = loop.model[0].weight.register_post_accumulate_grad_hook(lambda _: own.append(loop.step))
    loop.train(64)
    handle.remove()
    assert own == list(range(69, 133))
    loop.watch.remove()
    loop.train(STEPS, say=lambda *_: False)
    assert not any(hooks())
    assert not loop.optimizer._optimizer_step_post_hooks
    assert recording.told().steps() == [*range(1, 66), 128]


def test_a_loop_that_slows_down_is_measured_within_a_second(recording, monkeypatch) -> None:
    loop = Loop(recording)
    loop.train(70)
    late = time.time() + 7200
    monkeypatch.setattr("paramedic.integrations.torch.rest.time.time", lambda: late)
    loop.train(2)
    assert loop.watch.step == 72
    assert recording.told().steps() == [*range(1, 66), 72]


def test_steps_of_several_optimizers_are_all_measured(recording) -> None:
    model = network()
    optimizers = [torch.optim.SGD(model[0].parameters(), 0.01), torch.optim.SGD(model[2].parameters(), 0.01)]
    watch = recording.run.watch(model, optimizers, probes=False)
    (x, y), *_ = data(1)
    for _ in range(STEPS):
        loss = cross_entropy(model(x), y)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        watch.log(loss=loss)
    assert recording.told().steps() == list(range(1, STEPS + 1))


def test_a_problem_at_rest_switches_the_watch_off_and_the_loop_goes_on(recording, caplog) -> None:
    loop = Loop(recording)
    loop.train(70)
    loop.watch.log(loss="a word")
    loop.train(STEPS, say=lambda *_: False)
    assert loop.watch.off
    assert len([record for record in caplog.records if "the watch met a problem" in record.message]) == 1
    assert not any(parameter._post_accumulate_grad_hooks for parameter in loop.model.parameters())


def test_a_model_that_moves_is_measured_where_it_is(recording) -> None:
    loop = Loop(recording)
    loop.train(70)
    loop.model.double()
    batches = [(x.double(), y) for x, y in data(1)]
    for _ in range(STEPS):
        (x, y) = batches[0]
        loop.optimizer.zero_grad()
        loss = cross_entropy(loop.model(x), y)
        loss.backward()
        loop.optimizer.step()
        loop.watch.log(loss=loss)
    told = recording.told()
    assert list(told.scalar("loss")) == list(range(1, 271))
    assert told.steps()[-1] >= 256
