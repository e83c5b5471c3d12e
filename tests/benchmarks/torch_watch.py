"""What watching a PyTorch loop costs, beside what people use instead, with no service listening."""

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}

import numpy as np
import torch
import wandb
from pairs import over_builds, overhead
from torch import nn
from torch.nn.functional import cross_entropy

import paramedic

FEATURES, CLASSES, BATCH = 8, 10, 32
SMALL = {"units": 64, "steps": 20, "batches": 100}
LARGE = {"units": 128, "steps": 50, "batches": 50}  # several times as long a step
BUILDS = 16
OTHER_BUILDS = 4  # of what is compared with
PAIRS = 5
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


class Classifier(nn.Module):
    """An LSTM that is read at its last step."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, units, batch_first=True)
        self.dense = nn.Linear(units, CLASSES)

    def forward(self, x: Any) -> Any:
        return self.dense(self.lstm(x)[0][:, -1])


class Loop:
    """A training that goes on whenever it is run.

    Attributes:
        model: What is trained.
        optimizer: By what.
        went_back: Called between backward pass and update.
        updated: Called with the loss of each step after its update.
    """

    def __init__(self, units: int, steps: int, batches: int) -> None:
        torch.manual_seed(0)
        self.model = Classifier(units)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.went_back: Callable[[], Any] | None = None
        self.updated: Callable[[Any], Any] | None = None
        self._batches = list(
            zip(
                torch.randn(batches, BATCH, steps, FEATURES).unbind(),
                torch.randint(0, CLASSES, (batches, BATCH)).unbind(),
                strict=True,
            )
        )

    def run(self) -> None:
        """Trains."""
        for x, y in self._batches:
            self.optimizer.zero_grad()
            loss = cross_entropy(self.model(x), y)
            loss.backward()
            if self.went_back is not None:
                self.went_back()
            self.optimizer.step()
            if self.updated is not None:
                self.updated(loss)


def measure() -> dict[str, float]:
    """Alternates loops that are watched with bare ones, in one process and one thread.

    Returns:
        `torch_overhead`: median over builds of a watched loop over the bare one beside it, by the clock, less 1,
        without probes; `_low` and `_high` bound it with 95% confidence (order statistics). `torch_overhead_cpu`: the
        same of the processor time of the process, which other load on the machine disturbs less.
        `torch_all_signals_overhead` and so on: with probes, on their default schedule. `torch_large_overhead` and so
        on: without probes, where a step takes several times as long. `torch_items_overhead` and so on: of a
        hand-written `[p.grad.norm().item() for p in parameters]` and `loss.item()` at each step.
        `torch_wandb_overhead` and so on: of `wandb.watch` as it is by default, a histogram of each gradient every 1000
        steps, with `wandb.log` of the loss. `torch_wandb_each_step_overhead` and so on: of `wandb.watch` with
        `log_freq=1`, so that it sees each step as the others do. `torch_bare_step_us` and so on: the time
        a step of the bare loop beside.
    """
    torch.set_num_threads(1)
    measured: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, size, probes in (
            ("torch", SMALL, False),
            ("torch_all_signals", SMALL, True),
            ("torch_large", LARGE, False),
        ):
            with paramedic.init("benchmark", url=NOBODY, spool_dir=directory) as run:
                measured |= _compare(size, name, _watched(run, probes), BUILDS)
        measured |= _compare(SMALL, "torch_items", _measured_by_hand, OTHER_BUILDS)
        for name, frequency in (("torch_wandb", 1000), ("torch_wandb_each_step", 1)):
            with wandb.init(project="benchmark", dir=directory):
                measured |= _compare(SMALL, name, _watched_by_wandb(frequency), OTHER_BUILDS)
    return measured


Preparation = Callable[[Loop], None]


def _watched(run: paramedic.Run, probes: bool) -> Preparation:
    def prepare(loop: Loop) -> None:
        watch = run.watch(loop.model, loop.optimizer, probes=probes)
        loop.updated = lambda loss: watch.log(loss=loss)

    return prepare


def _measured_by_hand(loop: Loop) -> None:
    parameters = list(loop.model.parameters())
    loop.went_back = lambda: [parameter.grad.norm().item() for parameter in parameters]
    loop.updated = lambda loss: loss.item()


def _watched_by_wandb(frequency: int) -> Preparation:
    def prepare(loop: Loop) -> None:
        wandb.watch(loop.model, log_freq=frequency)
        loop.updated = lambda loss: wandb.log({"loss": loss})

    return prepare


def _compare(size: dict[str, int], name: str, prepare: Preparation, builds: int) -> dict[str, float]:
    """Runs bare loops and ones that are watched in turns."""

    def build() -> tuple[Callable[[], None], Callable[[], None]]:
        bare, watched = Loop(**size), Loop(**size)
        prepare(watched)
        return bare.run, watched.run

    times = over_builds(build, builds, PAIRS)
    step = float(np.median(times[:, 0, 0]) / size["batches"] * 1e6)
    return overhead(name, times) | {f"{name}_bare_step_us": step}


if __name__ == "__main__":
    print(json.dumps(measure()))
