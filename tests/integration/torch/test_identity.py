"""Weights after training are the same, to the bit, with and without the watch and all that it measures."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from support.clocks import let_measuring_cost_too_much

STEPS = 105
"""By which every probe has run."""
MEASURED = [*range(1, 66), 100]
"""Steps before the loop may rest, and one that is probed."""
BATCH = 8


class Recurrent(nn.Module):
    """Recurrent layers, one on another, read at their last step."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LSTM(4, 6, num_layers=2, dropout=0.2, bidirectional=True, batch_first=True)
        self.second = nn.GRU(12, 5, batch_first=True)
        self.third = nn.RNN(5, 4, batch_first=True)
        self.cell = nn.LSTMCell(4, 4)
        self.last = nn.Linear(4, 5)

    def forward(self, x: Any) -> Any:
        x = self.third(self.second(self.first(x)[0])[0])[0]
        state = None
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        assert state is not None
        return self.last(state[0])


def images() -> nn.Module:
    convolutions = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout2d(0.2)]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(54, 5))


def vectors() -> nn.Module:
    hidden = [nn.Linear(9, 24), nn.BatchNorm1d(24), nn.Tanh(), nn.Dropout(0.3), nn.Linear(24, 16), nn.LayerNorm(16)]
    return nn.Sequential(*hidden, nn.LeakyReLU(), nn.Linear(16, 5))


def words() -> nn.Module:
    attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.Sequential(nn.Embedding(50, 8), attention, nn.Flatten(), nn.Linear(56, 5))


Architecture = tuple[Callable[[], nn.Module], Callable[[], Any], Callable[[Any], Any]]
ARCHITECTURES: dict[str, Architecture] = {
    "vectors": (vectors, lambda: torch.randn(BATCH, 9), lambda each: torch.optim.SGD(each, 0.05, momentum=0.9)),
    "images": (images, lambda: torch.randn(BATCH, 3, 8, 8), lambda each: torch.optim.Adam(each, 0.01)),
    "words": (words, lambda: torch.randint(0, 50, (BATCH, 7)), lambda each: torch.optim.AdamW(each, 0.01)),
    "recurrent": (Recurrent, lambda: torch.randn(BATCH, 6, 4), lambda each: torch.optim.RMSprop(each, 0.01)),
}


@pytest.fixture(autouse=True)
def short_steps(monkeypatch):
    let_measuring_cost_too_much(monkeypatch)


def trained(name: str, compiled: bool, recording: Any = None, precision: Any = None) -> list[bytes]:
    """Everything a training leaves: weights, buffers, gradients, the optimizer's state, and random numbers."""
    build, inputs, optimizing = ARCHITECTURES[name]
    torch.compiler.reset()
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    model = build()
    optimizer = optimizing(model.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8, growth_interval=20, enabled=precision is not None)
    watch = None if recording is None else recording.run.watch(model, optimizer, scaler=scaler, every=7)
    called = torch.compile(model, backend="aot_eager") if compiled else model
    losses = []
    for step in range(STEPS):
        x, y = inputs(), torch.randint(0, 5, (BATCH,))
        with torch.autocast("cpu", precision, enabled=precision is not None):
            loss = cross_entropy(called(x), y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        if watch is not None:
            watch.log(loss=loss)
        if step == 50:  # a validation
            model.eval()
            with torch.no_grad():
                called(x)
            model.train()
        losses.append(loss.detach())
    state = [tensor for each in optimizer.state.values() for tensor in each.values() if torch.is_tensor(tensor)]
    left = [*losses, *model.state_dict().values(), *(each.grad for each in model.parameters()), *state]
    drawn = [random.random(), np.random.random(), float(torch.rand(()))]
    return [*(tensor.detach().numpy().tobytes() for tensor in left), repr(drawn).encode()]


@pytest.mark.parametrize(
    ("name", "compiled"), [*((name, False) for name in ARCHITECTURES), ("vectors", True), ("images", True)]
)
def test_training_leaves_the_same_bits_with_the_watch(name: str, compiled: bool, recording) -> None:
    bare = trained(name, compiled)
    watched = trained(name, compiled, recording)
    told = recording.told()
    assert list(told.scalar("loss")) == list(range(1, STEPS + 1))
    assert told.steps() == MEASURED
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
    assert bare == watched


def test_mixed_precision_leaves_the_same_bits(recording) -> None:
    bare = trained("vectors", False, precision=torch.bfloat16)
    watched = trained("vectors", False, recording, torch.bfloat16)
    assert recording.told().steps() == MEASURED
    assert bare == watched
