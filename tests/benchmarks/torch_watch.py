"""What watching a PyTorch loop costs, beside what people use instead, with no service listening."""

import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}

import numpy as np
import torch
import wandb
from torch import nn
from torch.nn.functional import cross_entropy

import paramedic

FEATURES, CLASSES, BATCH = 8, 10, 32
SMALL = {"units": 64, "steps": 20, "batches": 100}
LARGE = {"units": 128, "steps": 50, "batches": 25}  # several times as long a step
ROUNDS = 30
OTHER_ROUNDS = 12  # of what is compared with
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

    def run(self) -> np.ndarray:
        """Trains; seconds by the clock, and of the processor."""
        gc.collect()  # not in the middle of either
        start = np.array([time.perf_counter(), time.process_time()])
        for x, y in self._batches:
            self.optimizer.zero_grad()
            loss = cross_entropy(self.model(x), y)
            loss.backward()
            if self.went_back is not None:
                self.went_back()
            self.optimizer.step()
            if self.updated is not None:
                self.updated(loss)
        return np.array([time.perf_counter(), time.process_time()]) - start


def measure() -> dict[str, float]:
    """Alternates loops that are watched with bare ones, in one process and one thread.

    Returns:
        `torch_overhead`: median over rounds of a watched loop over the bare one beside it, by the clock, less 1,
        without probes; `_low` and `_high` bound it with 95% confidence (order statistics). `torch_overhead_cpu`: the
        same of the processor time of the process, which other load on the machine disturbs less.
        `torch_all_signals_overhead` and so on: with probes, on their default schedule. `torch_large_overhead` and so
        on: without probes, where a step takes several times as long. `torch_items_overhead` and so on: of a
        hand-written `[p.grad.norm().item() for p in parameters]` and `loss.item()` at each step.
        `torch_wandb_overhead` and so on: of `wandb.watch` as it is by default, a histogram of each gradient every 1000
        steps, with `wandb.log` of the loss. `torch_wandb_each_step_overhead` and so on: of `wandb.watch` with
        `log_freq=1`, so that it sees each step as the others do. `torch_bare_step_us` and `torch_large_bare_step_us`: a
        bare loop's time a step.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        measured = _compare(SMALL, "torch", {"": _watched(directory, False)}, ROUNDS)
        measured |= _compare(SMALL, "torch", {"_all_signals": _watched(directory, True)}, ROUNDS)
        measured |= _compare(LARGE, "torch_large", {"": _watched(directory, False)}, ROUNDS)
        measured |= _compare(SMALL, "torch", {"_items": _measured_by_hand}, OTHER_ROUNDS)
        for name, frequency in (("_wandb", 1000), ("_wandb_each_step", 1)):
            with wandb.init(project="benchmark", dir=directory):
                measured |= _compare(SMALL, "torch", {name: _watched_by_wandb(frequency)}, OTHER_ROUNDS)
    return measured


Preparation = Callable[[Loop], None]


def _watched(directory: str, probes: bool) -> Preparation:
    def prepare(loop: Loop) -> None:
        run = paramedic.init("benchmark", id="torch", url=NOBODY, spool_dir=directory)  # ends the one before
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


def _compare(size: dict[str, int], prefix: str, preparations: dict[str, Preparation], rounds: int) -> dict[str, float]:
    """Overheads of loops, each prepared in its way."""
    loops = [Loop(**size) for _ in range(1 + len(preparations))]
    for loop, prepare in zip(loops[1:], preparations.values(), strict=True):
        prepare(loop)
    for loop in loops:
        loop.run()
    times = np.empty((rounds, len(loops), 2))
    for place in range(rounds):
        # Whoever comes later finds warmer caches and a busier machine: each does in turn.
        for side in range(len(loops))[:: -1 if place % 2 else 1]:
            times[place, side] = loops[side].run()
    measured = {f"{prefix}_bare_step_us": float(np.median(times[:, 0, 0]) / size["batches"] * 1e6)}
    for side, name in enumerate(preparations, 1):
        measured |= _overhead(f"{prefix}{name}", times[:, side] / times[:, 0])
    return measured


def _overhead(name: str, ratios: np.ndarray) -> dict[str, float]:
    overhead = np.sort(ratios - 1, axis=0)
    rounds = len(overhead)
    # Ranks below the lower bound: as many heads as n tosses of a coin fall short of with a probability of 2.5%.
    outside = int((rounds - 1.96 * rounds**0.5) / 2)
    return {
        f"{name}_overhead": float(np.median(overhead[:, 0])),
        f"{name}_overhead_low": float(overhead[outside, 0]),
        f"{name}_overhead_high": float(overhead[-1 - outside, 0]),
        f"{name}_overhead_cpu": float(np.median(overhead[:, 1])),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
