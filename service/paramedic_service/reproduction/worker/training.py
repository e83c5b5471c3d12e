"""One training, from its first step to the error on samples that it has not seen."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from paramedic.integrations.keras.probe_batch import probe_batch
from paramedic.v1.description_pb2 import RunDescription
from paramedic_service.reproduction.worker import probing
from paramedic_service.reproduction.worker.arrays import Arrays
from paramedic_service.reproduction.worker.folding import Folding
from paramedic_service.reproduction.worker.held_out import error_of
from paramedic_service.reproduction.worker.probing import Probed, Probes
from paramedic_service.reproduction.worker.program import Inputs, Program, State
from paramedic_service.reproduction.worker.rows import RowReader, validation_row, with_probed
from paramedic_service.rules.telemetry import LOSS, Floats

SECONDS_A_CALL = 0.5
"""That a call of a program is to take, so that whoever watches sees that it goes on."""

AFTER_THE_END = 50
"""Steps that a training goes on once its weights are no numbers: rules have patience, and nothing changes any more."""

ASSESSED_AT_ONCE = 256
"""Samples, which bounds the memory that it takes."""

Advance = Callable[[int], None]
"""Told how many steps were trained since it was told last."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What trainings of one structure share.

    Attributes:
        program: Trains.
        probes: Measures.
        metrics: Names of what is measured at every step besides the loss.
        from_logits: Of each output, whether the loss reads it as logits.
    """

    program: Program
    probes: Probes
    metrics: tuple[str, ...]
    from_logits: tuple[bool, ...]


class Training:
    """Trains, reports and assesses.

    Args:
        shared: With the other trainings of its structure.
        inputs: Of the program.
        rates: Learning rate of each step, float32 [steps].
        epoch: Steps an epoch.
        arrays: Samples.
        validated: Whether the held-out samples are looked at after every epoch.
        folding: Judges it.
        advance: Told of its progress.
    """

    def __init__(
        self,
        shared: Shared,
        inputs: Inputs,
        rates: Floats,
        epoch: int,
        arrays: Arrays,
        validated: bool,
        folding: Folding,
        advance: Advance,
    ) -> None:
        self._shared = shared
        self._inputs = inputs
        self._epoch = epoch
        self._arrays = arrays
        self._validated = validated
        self._folding = folding
        self._advance = advance
        self._reader = RowReader(shared.metrics, rates, epoch)
        self._probed_after = set(probing.due(len(rates)))
        self._last = len(rates)
        self._most = len(rates)
        self._announced = False
        batch = int(inputs.order.shape[1])
        self._probe_batch = probe_batch(_structure(arrays.x), _structure(arrays.y), None, batch)

    def run(self, state: State) -> None:
        """Trains to the end, or until nothing can change any more.

        Raises:
            tf.errors.OpError: A step failed; all steps before it were reported.
        """
        done = 0
        while done < self._last:
            count = self._next(done)
            began = time.perf_counter()
            try:
                after, table = self._shared.program.train(state, self._inputs, done, count)
                rows = table.numpy()
            except tf.errors.OpError:
                if count == 1:
                    raise
                self._most = 1  # so that the steps before the failure are seen
                continue
            pace = (time.perf_counter() - began) / count
            if self._most > 1:
                self._most = max(2, int(SECONDS_A_CALL / pace))
            state = after
            self._look_for_the_end(rows, done)
            self._report(rows[: self._last - done], done, state)
            done += count
            self._advance(count)
        error = self._final_error(state)
        if error is not None:
            self._folding.score(error)

    def _next(self, done: int) -> int:
        """Steps to train until something else is due."""
        ends = [self._last, *(step for step in self._probed_after if step > done)]
        if self._validated:
            ends.append(done + self._epoch - done % self._epoch)
        return min(self._most, min(ends) - done)

    def _look_for_the_end(self, table: Floats, done: int) -> None:
        first = 1 + len(self._shared.metrics)
        _, weights, *_ = np.split(table[:, first:], 4, axis=1)
        broken = np.isnan(weights).any(axis=1)
        if broken.any():
            self._last = min(self._last, done + int(broken.argmax()) + AFTER_THE_END)

    def _report(self, table: Floats, done: int, state: State) -> None:
        """Reports the rows of one call, cut where an epoch ends within them."""
        while len(table):
            part = table[: self._epoch - done % self._epoch]
            table = table[len(part) :]
            rows = self._reader.read(part, done)
            done += len(part)
            if done in self._probed_after and not len(table):
                rows = with_probed(rows, self._probe(state, done))
            self._folding.observe(rows)
            if done % self._epoch == 0:
                if self._validated:
                    self._validate(state, done)
                self._folding.epoch_ended()

    def _probe(self, state: State, step: int) -> Probed:
        if self._probe_batch is None:
            return Probed()
        probes = self._shared.probes
        probed = probes.measure(state, self._probe_batch, step)
        if probed.layers and not self._announced:
            self._folding.describe(RunDescription(probed_layers=probes.layers))
            self._announced = True
        return probed

    def _validate(self, state: State, step: int) -> None:
        measured, _ = self._assess(state)
        self._folding.observe(validation_row(step, (LOSS, *self._shared.metrics), measured))

    def _final_error(self, state: State) -> float | None:
        """Over all outputs, those that cannot be compared left out."""
        targets = [target.numpy() for target in self._arrays.held_y]
        outputs = self._assess(state)[1]
        if len(outputs) != len(targets):
            return None
        each = [error_of(*one) for one in zip(targets, outputs, self._shared.from_logits, strict=True)]
        known = [error for error in each if error is not None]
        return float(np.mean(known)) if known else None

    def _assess(self, state: State) -> tuple[Floats, list[Any]]:
        """Loss and metrics over the held-out samples, and the outputs for them."""
        arrays, count = self._arrays, int(self._arrays.held_x[0].shape[0])
        measured, outputs, sizes = [], [], []
        for start in range(0, count, ASSESSED_AT_ONCE):
            x, y = (
                [each[start : start + ASSESSED_AT_ONCE] for each in both] for both in (arrays.held_x, arrays.held_y)
            )
            numbers, predicted = self._shared.program.assess(state, x, y)
            measured.append(numbers.numpy())
            outputs.append([output.numpy() for output in predicted])
            sizes.append(len(outputs[-1][0]))
        mean: Floats = np.average(measured, axis=0, weights=sizes)
        return mean, [np.concatenate(parts) for parts in zip(*outputs, strict=True)]


def _structure(arrays: Sequence[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else list(arrays)
