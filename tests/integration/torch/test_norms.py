"""What the watch of a PyTorch loop measures is what the loop measures by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from paramedic.v1.description_pb2 import TensorRole
from support.clocks import let_measuring_cost_nothing
from support.torch_loops import Measured, data, network, norm

STEPS = 7

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, 0.01),
    "foreach": lambda parameters: torch.optim.AdamW(parameters, 0.01, weight_decay=0.1, foreach=True),
    "fused": lambda parameters: torch.optim.Adam(parameters, 0.01, fused=True),
    "rate_as_tensor": lambda parameters: torch.optim.SGD(parameters, torch.tensor(0.01), foreach=False),
}
CLIPPING: dict[str, Callable[[Any], Any]] = {
    "none": lambda parameters: None,
    "norm": lambda parameters: nn.utils.clip_grad_norm_(parameters, 0.01),
    "value": lambda parameters: nn.utils.clip_grad_value_(parameters, 0.001),
}


@pytest.mark.parametrize("to_none", [True, False])
@pytest.mark.parametrize(
    ("optimizer", "clipping"), [*((each, "none") for each in OPTIMIZERS), ("adam", "norm"), ("adam", "value")]
)
def test_norms_are_those_before_clipping(optimizer: str, clipping: str, to_none: bool, recording) -> None:
    model = network()
    stepping = OPTIMIZERS[optimizer](model.parameters())
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, stepping, every=3)
    losses = []
    for x, y in data(STEPS):
        loss = cross_entropy(model(x), y)
        stepping.zero_grad(set_to_none=to_none)
        loss.backward()
        measured.gradients()
        CLIPPING[clipping](model.parameters())
        measured.update(stepping.step)
        watch.log(loss=loss)
        losses.append(loss.item())
    told = recording.told()
    assert told.tensors == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert told.steps() == list(range(1, STEPS + 1))
    measured.agree(told)
    assert told.scalar("loss") == dict(enumerate(losses, 1))
    np.testing.assert_allclose(list(told.scalar("learning_rate").values()), 0.01, rtol=1e-6)


@pytest.mark.parametrize("log", ["before_backward", "before_step", "after_step", "at_every_pass"])
def test_gradients_that_are_accumulated_are_those_of_the_last_pass(log: str, recording) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer)
    expected = {}
    batches = data(12)
    for step in range(1, 5):
        losses = []
        for place in range(3):
            x, y = batches[3 * step - 3 + place]
            loss = cross_entropy(model(x), y)
            losses.append(loss.item())
            if log == "before_backward" and place == 2:
                watch.log(loss=loss)
            (loss / 3).backward()
            if log == "before_step" and place == 2:
                watch.log(loss=loss)
            if place == 2:
                measured.gradients()
                nn.utils.clip_grad_norm_(model.parameters(), 0.01)
                measured.update(optimizer.step)
                optimizer.zero_grad()
            if log == "at_every_pass" or (log == "after_step" and place == 2):
                watch.log(loss=loss)
        expected[step] = np.mean(losses) if log == "at_every_pass" else losses[-1]
    told = recording.told()
    assert told.steps() == [1, 2, 3, 4]
    measured.agree(told)
    assert told.scalar("loss") == pytest.approx(expected)


def test_mixed_precision_is_unscaled_and_skipped_steps_leave_no_row(recording) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer, scaler=scaler)
    losses = []
    for step, (x, y) in enumerate(data(9)):
        with torch.autocast("cpu", torch.bfloat16):
            loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        scale = scaler.get_scale()
        scaler.scale(loss).backward()
        skipped = step in (0, 4)
        if skipped:
            next(model.parameters()).grad[0, 0] = torch.inf
        else:
            measured.gradients(scale)
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        if skipped:
            scaler.step(optimizer)
        else:
            measured.update(lambda: scaler.step(optimizer))
            losses.append(loss.item())
        scaler.update()
        if not skipped:
            watch.log(loss=loss)
    told = recording.told()
    assert told.steps() == list(range(1, 8))
    measured.agree(told)
    assert told.scalar("loss") == pytest.approx(dict(enumerate(losses, 1)))
    assert told.description.optimizer.dynamic_loss_scale
    assert told.description.training.precision == "mixed_bfloat16"


def test_a_loss_that_is_logged_of_a_skipped_step_counts_to_the_next(recording) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    watch = recording.run.watch(model, optimizer, scaler=scaler)
    for step, (x, y) in enumerate(data(6)):
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        if step == 2:
            next(model.parameters()).grad[0, 0] = torch.nan
        scaler.step(optimizer)
        scaler.update()
        watch.log(loss=float(step))
    told = recording.told()
    assert told.scalar("loss") == {1: 0.0, 2: 1.0, 3: 2.5, 4: 4.0, 5: 5.0}
    assert np.isfinite(told.norms("gradient_norm")).all()


def test_gradients_of_embeddings_may_be_sparse(recording) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(10, 4, sparse=True), nn.Flatten(), nn.Linear(12, 3))
    optimizers = [torch.optim.SparseAdam(model[0].parameters()), torch.optim.SGD(model[2].parameters(), 0.1)]
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizers)
    for _ in range(STEPS):
        words = torch.randint(0, 10, (8, 3))
        words[:, 1] = words[0, 0]  # the same row many times
        loss = cross_entropy(model(words), words[:, 2] % 3)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        measured.gradients()

        def step() -> None:
            for optimizer in optimizers:
                optimizer.step()

        measured.update(step)
        watch.log(loss=loss)
    told = recording.told()
    measured.agree(told)
    assert told.description.tensors[0].role == TensorRole.TENSOR_ROLE_EMBEDDING
    assert list(told.scalar("learning_rate")) == list(told.scalar("learning_rate/1")) == told.steps()


class Odd(nn.Module):
    """A parameter that is used twice, one that is frozen, and one that nothing depends on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(6, 6, bias=False)
        self.second = nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.frozen = nn.Linear(6, 3).requires_grad_(False)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        return self.frozen(self.second(torch.tanh(self.first(x))))


def test_tied_weights_count_once_frozen_ones_not_and_unused_ones_have_no_gradient(recording) -> None:
    model = Odd()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    expected = Measured([model.first.weight, model.second.bias, model.unused.weight, model.unused.bias])
    watch = recording.run.watch(model, optimizer)
    for x, y in data(STEPS):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        expected.gradients()
        expected.update(optimizer.step)
        watch.log(loss=loss)
    told = recording.told()
    assert told.tensors == ["first.weight", "second.bias", "unused.weight", "unused.bias"]
    expected.agree(told)
    assert (told.norms("gradient_norm")[:, 2:] == 0).all()


def test_what_an_optimizer_did_not_update_keeps_its_norms(recording) -> None:
    torch.manual_seed(0)
    maker, judge = nn.Linear(4, 6), nn.Linear(6, 1)
    model = nn.ModuleDict({"maker": maker, "judge": judge})
    makes, judges = torch.optim.SGD(maker.parameters(), 0.1), torch.optim.SGD(judge.parameters(), 0.2)
    watch = recording.run.watch(model, [makes, judges])
    of_judge, of_maker = Measured(judge.parameters()), Measured(maker.parameters())
    for _ in range(3):
        for turn in range(2):  # the judge learns twice as often
            judges.zero_grad()
            loss = judge(torch.randn(8, 6)).square().mean() - judge(maker(torch.randn(8, 4)).detach()).mean()
            loss.backward()
            of_judge.gradients()
            of_judge.update(judges.step)
            if turn:
                makes.zero_grad()
                made = judge(maker(torch.randn(8, 4))).mean()
                made.backward()
                of_maker.gradients()
                of_maker.update(makes.step)
                watch.log(loss=loss, made=made)
    told = recording.told()
    assert told.steps() == list(range(1, 7))
    gradients = told.norms("gradient_norm")
    columns = [told.tensors.index(name) for name in ("judge.weight", "judge.bias", "maker.weight", "maker.bias")]
    np.testing.assert_allclose(gradients[:, columns[:2]], of_judge.rows["gradient_norm"], rtol=1e-5)
    by_maker = np.repeat(of_maker.rows["gradient_norm"], 2, axis=0)[:-1]
    np.testing.assert_allclose(gradients[1:, columns[2:]], by_maker, rtol=1e-5)
    assert (gradients[0, columns[2:]] == 0).all()
    assert list(told.scalar("made")) == list(told.scalar("loss")) == [2, 4, 6]


def test_of_a_closure_the_last_evaluation_counts(recording) -> None:
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters(), 0.1, max_iter=4)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer)
    for x, y in data(4):

        def closure(x: Any = x, y: Any = y) -> Any:
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            measured.gradients()
            return loss

        watch.log(loss=measured.update(lambda closure=closure: optimizer.step(closure)))
    told = recording.told()
    assert told.steps() == [1, 2, 3, 4]
    measured.agree(told)


def test_gradients_that_a_loop_assigns_are_those_at_the_step(recording) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer)
    for x, y in data(4):
        loss = cross_entropy(model(x), y)
        for parameter, gradient in zip(model.parameters(), torch.autograd.grad(loss, model.parameters()), strict=True):
            parameter.grad = gradient
        measured.gradients()
        measured.update(optimizer.step)
        watch.log(loss=loss)
    measured.agree(recording.told())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("when", ["before", "after"])
def test_parameters_may_be_of_any_precision(dtype: Any, when: str, recording) -> None:
    model = network().to(dtype if when == "before" else torch.float32)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watch = recording.run.watch(model, optimizer)
    model.to(dtype)
    measured = Measured(model.parameters())
    for x, y in data(4):
        optimizer.zero_grad()
        loss = cross_entropy(model(x.to(dtype)), y)
        loss.backward()
        measured.gradients()
        measured.update(optimizer.step)
        watch.log(loss=loss)
    measured.agree(recording.told(), 1e-5)


def test_half_floats_are_measured_in_full_precision(recording) -> None:
    weight = nn.Parameter(torch.full((1000, 1000), 0.1, dtype=torch.float16))
    model = nn.ParameterList([weight])
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    watch = recording.run.watch(model, optimizer, probes=False)
    weight.sum().mul(200).backward()
    optimizer.step()
    watch.log(loss=1.0)
    assert recording.told().norms("gradient_norm") == pytest.approx(200e3, rel=0.01)


@pytest.mark.filterwarnings("ignore:Using backward")
def test_gradients_may_have_a_graph_of_their_own(recording) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer)
    for x, y in data(3):
        for parameter in model.parameters():
            parameter.grad = None
        loss = cross_entropy(model(x), y)
        loss.backward(create_graph=True)
        sum(parameter.grad.square().sum() for parameter in model.parameters()).backward()
        measured.gradients()
        measured.update(optimizer.step)
        watch.log(loss=loss)
        for parameter in model.parameters():
            parameter.grad = None
    measured.agree(recording.told())


@pytest.mark.parametrize("reentrant", [True, False])
def test_activations_may_be_computed_again(reentrant: bool, recording) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer)
    for x, y in data(4):
        optimizer.zero_grad()
        hidden = checkpoint(model[:2], x.requires_grad_(), use_reentrant=reentrant)
        loss = cross_entropy(checkpoint(model[2:], hidden, use_reentrant=reentrant), y)
        loss.backward()
        measured.gradients()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        measured.update(optimizer.step)
        watch.log(loss=loss)
    told = recording.told()
    assert told.steps() == [1, 2, 3, 4]
    measured.agree(told)


def test_parameters_that_begin_to_be_trained_get_columns(recording) -> None:
    model = network()
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD([*model[2].parameters()], 0.1)
    watch = recording.run.watch(model, optimizer, every=2)
    for step, (x, y) in enumerate(data(6)):
        if step == 2:
            model[0].requires_grad_(True)
            optimizer.add_param_group({"params": list(model[0].parameters()), "lr": 0.3})
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        watch.log(loss=loss)
    told = recording.told()
    assert told.tensors == ["0.weight", "0.bias", "2.weight", "2.bias"]
    widths = [len(block.values) // len(batch.steps) for batch in told.batches for block in batch.tensors[:1]]
    assert sorted(set(widths)) == [2, 4]
    assert widths[-1] == 4
    assert list(told.scalar("loss")) == [1, 2, 3, 4, 5, 6]


def test_weights_and_updates_are_measured_at_first_and_then_now_and_then(recording, monkeypatch) -> None:
    let_measuring_cost_nothing(monkeypatch)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    watch = recording.run.watch(model, optimizer, step=1000, probes=False)
    weights = {}
    (x, y), *_ = data(1)
    for step in range(1001, 1121):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        weights[step] = norm(model[0].weight)
        optimizer.step()
        watch.log(loss=loss)
    told = recording.told()
    assert told.steps() == list(range(1001, 1121))
    assert len(told.norms("gradient_norm")) == 120
    sampled = [*range(1001, 1065), 1072, 1088, 1104, 1120]
    np.testing.assert_allclose(told.norms("weight_norm")[:, 0], [weights[step] for step in sampled], rtol=1e-5)
    assert len(told.norms("update_norm")) == len(sampled)


def test_many_parameters_are_measured_as_few_are(recording) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(40)])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    measured = Measured(model.parameters())
    watch = recording.run.watch(model, optimizer, probes=False, every=2)
    for _ in range(3):
        optimizer.zero_grad()
        loss = model(torch.randn(3, 4)).square().mean()
        loss.backward()
        measured.gradients()
        measured.update(optimizer.step)
        watch.log(loss=loss)
    measured.agree(recording.told())
