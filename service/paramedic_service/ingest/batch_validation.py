"""Checks batches of rows: steps, times and scalar signals; blocks have their own page."""

import numpy as np
import numpy.typing as npt

from paramedic.v1.telemetry_pb2 import StepBatch
from paramedic_service.ingest.block_validation import read_layers, read_paths, read_tensors, row_indices
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.refusal import (
    MAX_COUNT,
    MAX_SIGNAL_CHARACTERS,
    MAX_TIME,
    InvalidRequestError,
    Problem,
    check_name,
)
from paramedic_service.rules.telemetry import Column, Rows

MAX_SCALAR_SIGNALS = 1024  # of one run: each is kept in memory and judged


def read_rows(batch: StepBatch, frontier: Frontier, max_tensors: int) -> Rows:
    """Turns a batch into rows that rules can trust.

    Args:
        batch: As received.
        frontier: Where the run's accepted log ends.
        max_tensors: Most recurrent layers, over the run, whose gradient's path is taken.

    Raises:
        InvalidRequestError: The batch is refused.
    """
    steps = np.array(batch.steps, dtype=np.int64)
    count = len(steps)
    if count == 0:
        raise InvalidRequestError("batch.steps", "got no rows, expected at least one", Problem.LENGTH)
    if len(batch.times) != count:
        raise InvalidRequestError(
            "batch.times", f"got {len(batch.times)}, expected one a row = {count}", Problem.LENGTH
        )
    _check_steps(steps, frontier.step)
    times = np.array(batch.times, dtype=np.float64)
    sane = (times >= 0) & (times <= MAX_TIME)  # false for NaN
    if not sane.all():
        index = int(np.argmin(sane))
        raise InvalidRequestError(
            f"batch.times[{index}]", f"got {times[index]}, expected seconds since the Unix epoch", Problem.RANGE
        )
    return Rows(
        steps,
        times,
        _scalars(batch, count, frontier),
        read_tensors(batch, count, frontier),
        read_layers(batch, count, frontier),
        read_paths(batch, count, frontier, max_tensors),
    )


def _check_steps(steps: npt.NDArray[np.int64], last: int | None) -> None:
    lowest = 0 if last is None else last
    if steps[0] < lowest:
        if steps[0] < 0:
            raise InvalidRequestError("batch.steps[0]", f"got {steps[0]}, expected 0 to 2^53", Problem.RANGE)
        raise InvalidRequestError("batch.steps[0]", f"got {steps[0]} after {last}; steps never decrease", Problem.ORDER)
    if len(steps) > 1:
        forward = steps[1:] >= steps[:-1]
        if not forward.all():
            index = int(np.argmin(forward)) + 1
            raise InvalidRequestError(
                f"batch.steps[{index}]",
                f"got {steps[index]} after {steps[index - 1]}; steps never decrease",
                Problem.ORDER,
            )
    if steps[-1] > MAX_COUNT:
        index = int(np.argmax(steps > MAX_COUNT))
        raise InvalidRequestError(f"batch.steps[{index}]", f"got {steps[index]}, expected 0 to 2^53", Problem.RANGE)


def _scalars(batch: StepBatch, count: int, frontier: Frontier) -> dict[str, Column]:
    if len(batch.scalars) > MAX_SCALAR_SIGNALS:
        raise InvalidRequestError(
            "batch.scalars", f"got {len(batch.scalars)}, expected at most {MAX_SCALAR_SIGNALS}", Problem.LIMIT
        )
    columns: dict[str, Column] = {}
    known = len(frontier.scalars)
    for index, column in enumerate(batch.scalars):
        path = f"batch.scalars[{index}]"
        name = column.name
        if name not in frontier.scalars:
            check_name(name, f"{path}.name", MAX_SIGNAL_CHARACTERS)
            known += 1
            if known > MAX_SCALAR_SIGNALS:
                raise InvalidRequestError(
                    f"{path}.name",
                    f"{name!r} is new, and the run has {MAX_SCALAR_SIGNALS} scalar signals already",
                    Problem.LIMIT,
                )
        if name in columns:
            raise InvalidRequestError(f"{path}.name", f"{name!r} came already in this batch", Problem.DUPLICATE)
        rows, expected = row_indices(column.rows, count, path)
        if len(column.values) != expected:
            raise InvalidRequestError(
                f"{path}.values", f"got {len(column.values)}, expected one a row = {expected}", Problem.LENGTH
            )
        columns[name] = Column(np.array(column.values, dtype=np.float64), rows)
    return columns
