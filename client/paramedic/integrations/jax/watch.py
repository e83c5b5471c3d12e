"""The host's side of a loop in JAX."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from paramedic.integrations.guarded import guarded
from paramedic.integrations.jax.description import Described
from paramedic.integrations.jax.probes import Probes
from paramedic.integrations.jax.transfer import fetched, of_one_device
from paramedic.integrations.recorded import Given, Probed, Recorded
from paramedic.integrations.watch import EVERY, Unwatched, Watch
from paramedic.run import Run
from paramedic.v1.description_pb2 import RunDescription

_LOG = logging.getLogger("paramedic")


def watch(
    run: Run,
    loss_fn: Callable[..., Any],
    params: Any,
    *arguments: Any,
    optimizer: Any = None,
    learning_rate: float | Callable[[Any], Any] | None = None,
    loss: str | None = None,
    step: int = 0,
    every: int = 4 * EVERY,
    probes: bool = True,
) -> Watch:
    """Describes a training in JAX, and returns what its steps are reported to.

        watching = watch(run, loss_fn, params, x, y, optimizer=optimizer)

        @jax.jit
        def train(params, state, x, y):
            loss, gradients = jax.value_and_grad(loss_fn)(params, x, y)
            updates, state = optimizer.update(gradients, state, params)
            updated = optax.apply_updates(params, updates)
            return updated, state, measure(loss, gradients, params, updated)

        for x, y in batches:
            params, state, measured = train(params, state, x, y)
            watching.log(measured, params=params)

    The loss function is traced for a few samples, and computed a few times to recognise the loss; samples of the first
    batch are kept, for its profile and for probes. What cannot be watched is said once, and the watch that is returned
    does nothing.

    Args:
        run: Where to report.
        loss_fn: Takes the parameters and the arguments; returns the loss, or the loss and something else
            (`has_aux=True`). It is pure, as JAX asks of it; one that prints or calls back is never computed here, only
            traced.
        params: A pytree, as the loop begins with.
        *arguments: The other arguments of the loss function in the first step: a batch, keys of random numbers,
            whatever it takes.
        optimizer: An optax.GradientTransformation, to be described.
        learning_rate: A number, or a function of the number of updates before, where it is not the optimizer's own.
        loss: What is minimised, in Keras's words ("mean_squared_error"), where it is not recognised by itself.
        step: The last step before the loop, where a checkpoint left off.
        every: Steps between two fetches. Slow steps are fetched once a second.
        probes: Whether to measure, every 100 steps or less often, what takes a pass of its own over a few samples:
            activations, and the gradient's path through time.
    """
    if run.recording:
        try:
            described = Described(loss_fn, params, arguments, optimizer, loss)
            return JaxWatch(run, described, learning_rate, step, every, probes)
        except Exception as error:
            _LOG.warning("the training cannot be watched; it goes on without it", exc_info=error)
    return Unwatched()


class JaxWatch(Watch):
    """Reports the steps of a loop in JAX: what `measure` returned of each.

    Arrays are kept as they are, and fetched many steps at a time.
    """

    def __init__(
        self,
        run: Run,
        described: Described,
        learning_rate: float | Callable[[Any], Any] | None,
        step: int,
        every: int,
        probes: bool,
    ) -> None:
        super().__init__(run, step, every)
        optimizer = described.optimizer
        own_rate = None if optimizer is None else optimizer.learning_rate
        self._learning_rate = own_rate if learning_rate is None else learning_rate
        self._schedule = jax.jit(jax.vmap(self._learning_rate)) if callable(self._learning_rate) else None
        self._updates = step
        self._order = described.order
        tensors = len(described.order)
        self._widths = {1, 2, 1 + 3 * tensors, 2 + 3 * tensors}
        self._held: list[tuple[int, Any, dict[str, Any]]] = []
        self._params: Any = None
        self._logged_at = time.time()
        self._probes: Probes | None = None
        description = RunDescription()
        description.CopyFrom(described.description)
        if probes and described.traced is not None and described.traced.graph.pure:
            self._probes = Probes(described.traced, self._order)
            description.probed_layers.extend(self._probes.layers)
        run.describe(description)

    @guarded
    def log(self, /, loss: Any = None, *, params: Any = None, **scalars: Any) -> None:
        """Takes in what a step left.

        Args:
            loss: What `measure` returned, [width]; of many steps at once, as `jax.lax.scan` returns them,
                [steps, width]; of `jax.pmap`, the outcome of its first device counts. The loss alone, a number, [] or
                [steps], where nothing was measured. None: what is said belongs to the steps so far and is no step of
                its own, such as a validation's outcome.
            params: The parameters after the step. A probe that is due runs on them before this returns, so that the
                next step may be given their memory. Without them there are no probes.
            **scalars: Further numbers by name, [] or [steps]: accuracy, val_loss.
        """
        if not self._run.recording:
            return
        if loss is None:
            self._remark(scalars)
            return
        self._params = params
        try:
            self._take(loss, scalars)
        finally:
            self._params = None  # its memory is the training's

    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        count = 1
        shape: tuple[int, ...] = getattr(loss, "shape", ())
        if len(shape) > 1:
            loss = of_one_device(loss)
            shape = loss.shape
        if len(shape) > 1 or (shape and shape[0] not in self._widths):
            count = shape[0]
            # The steps of a scan end unseen; what is left is to spread them over the time that it took.
            self._times += np.linspace(self._logged_at, time.time(), count + 1)[1:-1].tolist()
        self._held.append((count, loss, scalars))
        if count:
            self._stepped()
        self._logged_at = time.time()

    def _due(self, step: int) -> bool:
        return self._probes is not None and self._params is not None and self._probes.due(step)

    def _probe(self, step: int) -> Probed | None:
        if self._probes is None:
            return None
        try:
            return self._probes.run(step, [leaf for leaf in jax.tree.leaves(self._params) if hasattr(leaf, "dtype")])
        except Exception:
            _LOG.debug("the loss function cannot be probed", exc_info=True)
            self._probes = None
            return None

    def _recorded(self) -> Recorded | None:
        held, self._held = self._held, []
        if not held:
            return None
        counts: Any = np.array([count for count, _, _ in held])
        total = int(counts.sum())
        scalars: Given = {}
        blocks: Given = {}
        rows = [self._as_rows(values) for values in fetched([loss for _, loss, _ in held])]
        self._add_measured(scalars, blocks, rows, _places([len(each) for each in rows]))
        self._add_rate(scalars, total)
        for name in dict.fromkeys(name for _, _, given in held for name in given):
            told = [place for place, (_, _, given) in enumerate(held) if name in given]
            try:
                numbers = _column(fetched([held[place][2][name] for place in told]), counts[told])
            except (TypeError, ValueError):
                _LOG.debug("%s is not one number a step", name, exc_info=True)
                continue
            scalars[name] = (numbers, _rows_of(_places(counts), told))
        return Recorded(total, scalars, blocks)

    def _as_rows(self, values: Any) -> Any:
        """What was fetched of some steps or scans, float32 [steps, width]."""
        shape = values.shape[1:]
        measured = len(shape) > 1 or (shape and shape[0] in self._widths)
        return values.astype(np.float32).reshape(-1, shape[-1] if measured else 1)

    def _add_measured(self, scalars: Given, blocks: Given, rows: Sequence[Any], places: Any) -> None:
        """Divides what `measure` returned into its signals."""
        tensors = len(self._order)
        scalars["loss"] = (np.concatenate([each[:, 0] for each in rows]).astype(np.float64), None)
        whole = [place for place, each in enumerate(rows) if each.shape[1] >= 1 + 3 * tensors and tensors]
        if whole:
            norms = np.concatenate([rows[place][:, -3 * tensors :] for place in whole])
            at = _rows_of(places, whole)
            for part, name in enumerate(("gradient_norm", "weight_norm", "update_norm")):
                blocks[name] = (norms[:, part * tensors : (part + 1) * tensors][:, self._order], at)
        rated = [place for place, each in enumerate(rows) if each.shape[1] - 1 - 3 * tensors * (place in whole) == 1]
        if rated:
            rates = np.concatenate([rows[place][:, 1] for place in rated])
            scalars["learning_rate"] = (rates.astype(np.float64), _rows_of(places, rated))

    def _add_rate(self, scalars: Given, count: int) -> None:
        """Adds the learning rate that the watch was told, where the steps do not have one of their own."""
        rate = self._learning_rate
        if rate is None or "learning_rate" in scalars:
            return
        rates = (
            self._scheduled(self._schedule, count) if self._schedule is not None else np.full(count, rate, np.float64)
        )
        scalars["learning_rate"] = (rates, None)

    def _scheduled(self, schedule: Any, count: int) -> Any:
        """The rates of a schedule; as many at a time as are fetched as a rule, so that it is compiled once."""
        first, self._updates = self._updates, self._updates + count
        blocks = -(-count // self._every)
        numbers = first + np.arange(blocks * self._every).reshape(blocks, -1)
        return np.concatenate([np.asarray(schedule(block), np.float64) for block in numbers])[:count]

    def _detach(self) -> None:
        self._held.clear()
        self._probes = None


def _places(counts: Sequence[int]) -> Any:
    """Where each of several runs of rows begins, and the last ends."""
    return np.concatenate([[0], np.cumsum(counts)])


def _rows_of(places: Any, chosen: Sequence[int]) -> Any:
    """The rows of some runs; None: every row."""
    if len(chosen) == len(places) - 1:
        return None
    return np.concatenate([np.arange(places[place], places[place + 1]) for place in chosen])


def _column(fetched: Sequence[Any], counts: Any) -> Any:
    """Numbers by step, float64.

    Args:
        fetched: Arrays [n, *shape] of values, one value for each step or one number for each of its steps.
        counts: Steps of each value, [values].

    Raises:
        ValueError: There are more numbers than steps, or fewer.
    """
    columns, first = [], 0
    for values in fetched:
        numbers = values.astype(np.float64).reshape(len(values), -1)
        steps, first = counts[first : first + len(values)], first + len(values)
        if numbers.shape[1] == 1:
            columns.append(np.repeat(numbers[:, 0], steps))
        elif (steps == numbers.shape[1]).all():
            columns.append(numbers.reshape(-1))
        else:
            raise ValueError(f"{numbers.shape[1]} numbers for {steps.max()} steps")
    return np.concatenate(columns)
