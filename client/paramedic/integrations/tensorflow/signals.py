"""The signals of steps, from the updates that they consist of and from what the loop said of them."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from paramedic.integrations.recorded import Given
from paramedic.integrations.tensorflow.steps import Step
from paramedic.integrations.tensorflow.updates import Updates

LEARNING_RATE = "learning_rate"

_EAGER = type(tf.zeros([]))

_Said: TypeAlias = float | npt.NDArray[np.float64]
"""What one call of `log` said under a name: a number, or several, flat."""


@dataclass(slots=True)
class Log:
    """One call of `log`.

    Attributes:
        time: When, seconds since the Unix epoch.
        mark: How many updates there had been, on the device; None where it was not looked at.
        values: What it said, by name.
    """

    time: float
    mark: Any
    values: dict[str, Any]


def kept(value: Any) -> Any:
    """Returns a value as it is now, whatever becomes of it; nothing waits for it."""
    if type(value) is _EAGER:
        return value
    if isinstance(value, tf.distribute.DistributedValues) and not isinstance(value, tf.Variable):
        return tf.reduce_mean([tf.reduce_mean(each) for each in value.values])  # the replicas'
    if isinstance(value, tf.Variable | keras.Variable):
        return tf.convert_to_tensor(value)
    return value


def marks(logs: Sequence[Log], numbers: npt.NDArray[np.int64]) -> list[int]:
    """Returns how many updates there had been at each call of `log`.

    Where that was not looked at, because it had been one more each time, it is taken for that again; and where there
    were more or fewer updates than calls, they are spread evenly.

    Args:
        logs: In order.
        numbers: Of the updates that were fetched.
    """
    unknown = [log for log in logs if log.mark is None]
    if not unknown:
        return [int(mark) for mark in tf.stack([log.mark for log in logs]).numpy()] if logs else []
    first, count = int(numbers[0]) if len(numbers) else 0, len(numbers)
    return [first + count * (place + 1) // len(logs) for place in range(len(logs))]


def blocks(updates: Updates, steps: Sequence[Step], order: Sequence[int]) -> Given:
    """Returns the norms of steps.

    Args:
        updates: That the steps consist of.
        steps: In order.
        order: Places of the variables of the tensor table. Steps that update some of them only have no norms.
    """
    begins = [step.updates[0] for step in steps]
    whole = np.logical_or.reduceat(updates.present, begins)[:, order].all(axis=1)
    if not len(order) or not whole.any():
        return {}
    weighed = whole & np.logical_and.reduceat(updates.weighed, begins)
    norms = np.add.reduceat(updates.norms, begins)[:, :, order]  # each variable is in one of them
    return {
        name: (norms[rows, part], None if rows.all() else np.flatnonzero(rows))
        for part, (name, rows) in enumerate(
            (("gradient_norm", whole), ("weight_norm", weighed), ("update_norm", weighed))
        )
        if rows.any()
    }


def learning_rates(updates: Updates, steps: Sequence[Step], optimizers: Sequence[str]) -> Given:
    """Returns the learning rates of steps, by signal: "learning_rate" is the first optimizer's."""
    step_of = {update: row for row, step in enumerate(steps) for update in step.updates}
    found: Given = {}
    for position, name in enumerate(optimizers):
        mine = [update for update in step_of if updates.optimizers[update] == name]
        if mine:
            rows = [step_of[update] for update in mine]
            found[f"{LEARNING_RATE}/{name}" if position else LEARNING_RATE] = (updates.rates[mine], rows)
    return found


def said(steps: Sequence[Step], logs: Sequence[Log]) -> Given:
    """Returns what the loop said of steps, by name.

    A call speaks of the last one of the steps before it; where it says one number for each, of all of them.
    """
    names = dict.fromkeys(name for log in logs for name in log.values)
    with np.errstate(all="ignore"):  # a training that breaks must not be told so by our arithmetic
        return {name: column for name in names if (column := _column(steps, _numbers(logs, name)))[1]}


def _column(steps: Sequence[Step], numbers: Mapping[int, _Said]) -> tuple[list[float], list[int]]:
    values, rows = [], []
    for row, step in enumerate(steps):
        told = [numbers[log] for log in step.logs if log in numbers]
        if not told:
            continue
        if len(told) == 1 and step.group == 1:  # as a rule
            values.append(_mean(told[0]))
        elif len(told) == 1 and np.size(told[0]) == step.group:
            values.append(float(np.ravel(told[0])[step.place]))
        elif step.place == step.group - 1:
            values.append(float(np.mean([_mean(each) for each in told])))
        else:
            continue
        rows.append(row)
    return values, rows


def _mean(numbers: _Said) -> float:
    return numbers if isinstance(numbers, float) else float(numbers.mean())


def _numbers(logs: Sequence[Log], name: str) -> dict[int, _Said]:
    """What was said under a name by number of the log; what is no number is left out."""
    values = {log: each.values[name] for log, each in enumerate(logs) if name in each.values}
    read = zip(values, map(_number, _here(list(values.values()))), strict=True)
    return {log: numbers for log, numbers in read if numbers is not None}


def _here(values: Sequence[Any]) -> Sequence[Any]:
    """Brings what another device keeps in one transfer, where it can be; here, tensors are read faster than stacked."""
    if all(type(value) is _EAGER for value in values) and not values[0].device.endswith("CPU:0"):
        with contextlib.suppress(tf.errors.InvalidArgumentError):  # of several shapes or types
            return cast(Sequence[Any], tf.stack(values).numpy())
    return values


def _number(value: Any) -> _Said | None:
    if type(value) is _EAGER:
        value = value.numpy()
    if isinstance(value, float | int | np.floating):  # array functions take ten times as long
        return float(value)
    try:
        numbers = np.asarray(value, np.float64).ravel()
    except (TypeError, ValueError):
        return None
    return numbers if numbers.size else None
