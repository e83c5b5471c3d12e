"""What the hook and the watched session have in common: which runs are steps, and what is fetched beside them."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from paramedic.describe.tensorflow1 import ancestors, applications
from paramedic.integrations.guarded import guarded
from paramedic.integrations.recorded import Probed, Recorded
from paramedic.integrations.schedule import Schedule
from paramedic.integrations.tensorflow1.description import described, described_data
from paramedic.integrations.tensorflow1.probe import Probe
from paramedic.integrations.tensorflow1.steps import Part, Place, Steps
from paramedic.integrations.tensorflow1.tap import Tap
from paramedic.integrations.watch import EVERY, Watch
from paramedic.run import Run

tf1 = tf.compat.v1

_LOG = logging.getLogger("paramedic")

_SHARE = 0.01
"""Of the training's time that each kind of measurement beside the steps may take."""

_ALLOWANCE = 0.5
"""Seconds that each may take besides."""

_FORGOTTEN = 100
"""Steps after which an optimizer that no longer runs has no place in the tensor table."""

_MOST_FETCHES = 1000
"""Kinds of run that are remembered: a loop that fetches something new every time would fill the memory."""

_SEQUENCES = frozenset({list, tuple})

SessionRun = Callable[..., Any]


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """A run that makes a step, and what is done beside it.

    Attributes:
        taps: Of the optimizers that make it.
        fetches: To add to those of the run: a row of each tap, and those of the probe.
        probe: That the fetches belong to, besides those of every step; None for no others.
        weighed: Whether the weights were copied before it.
    """

    taps: tuple[Tap, ...]
    fetches: list[Any]
    probe: Probe | None = None
    weighed: bool = False


class GraphWatch(Watch):
    """Reports the runs of a session in which an optimizer makes a step, and leaves all others alone.

    What it measures are tensors beside the author's graph, fetched by the same run: nothing of the graph is changed,
    and what does not train runs as if nobody watched.
    """

    def __init__(
        self,
        run: Run,
        graph: Any,
        *,
        loss: Any = None,
        step: int | None = None,
        every: int = EVERY,
        probes: bool = True,
    ) -> None:
        """Adds what it measures to a graph.

        Args:
            run: Where to report. It asks for the last steps when it ends.
            graph: With its optimizers, not finalised.
            loss: Scalar tensor to report; None for what the gradients are of.
            step: The last step before the loop. None: the graph's global step, where it has one, or 0.
            every: Steps that are reported at once.
            probes: Whether to measure activations and the gradient's path through time, every 100 steps or less often.
        """
        if graph.finalized:
            raise ValueError(
                "the graph is finalised, and nothing can be added to it: watch it before that, or give a MonitorHook "
                "to MonitoredTrainingSession"
            )
        super().__init__(run, step or 0, every)
        self._graph = graph
        self._loss = loss
        self._global_step = tf1.train.get_global_step(graph) if step is None else None
        self._probing = probes
        self._probe_schedule = Schedule((1, 5, 20, 50), 100, _SHARE, _ALLOWANCE)
        self._weight_schedule = Schedule((1, 2, 3, 4), 16, 0.5 * _SHARE, 0.2 * _ALLOWANCE)
        self._weighed_step = 0
        self._probes: dict[Tap, Probe] = {}
        # Of the optimizers that have run: where their numbers belong, and when they ran last.
        self._places: dict[Tap, Place] = {}
        self._ran_at: dict[Tap, int] = {}
        # By what a run fetches: that itself, and what every step of it does; None where it makes no step.
        self._known: dict[Any, tuple[Any, Beside | None]] = {}
        self._leaves: set[type] = set()
        self._settled: Beside | None = None
        self._steps = Steps()
        self._probed: Probed | None = None
        self._began = 0.0
        self._usual = 0.0
        self._sampled = False
        self._add_taps()
        self._probe_schedule.begin()
        self._weight_schedule.begin()

    def before(self, session_run: SessionRun, fetches: Any) -> Beside | None:
        """A run begins.

        Args:
            session_run: Runs something else in the same session.
            fetches: Of the run.

        Returns:
            What to do beside it; None where it makes no step. Nothing is raised.
        """
        if self.off or not self._run.recording:
            return None
        try:
            usual = self._usually(fetches)
            return None if usual is None else self._prepare(session_run, usual)
        except Exception as problem:
            self.switch_off(problem)
            return None

    @guarded
    def after(self, session_run: SessionRun, beside: Beside, fetched: Any) -> None:
        """A run that made a step ended.

        Args:
            session_run: Runs something else in the same session.
            beside: As `before` returned it.
            fetched: What its fetches were.
        """
        if beside is self._settled:  # nearly every run: one optimizer, and nothing but what every step has
            self._steps.add_whole(fetched[0])
            self._stepped()
            return
        seconds = time.perf_counter() - self._began
        complete = False
        for tap, row in zip(beside.taps, fetched, strict=False):
            weights = self._weigh(session_run, tap) if beside.weighed else None
            complete = self._steps.add(Part(self._places[tap], row, weights))
        if beside.probe is None:
            self._usual = seconds
        else:
            self._take_probe(beside.probe, fetched[-1], seconds)
        if complete:
            self._close()

    @guarded
    def failed(self, error: BaseException) -> None:
        """A run that would have made a step raised."""
        self._close()
        self._fetch(None)
        self._run.error(error, self.step or None)

    @guarded
    def flush(self) -> None:
        """Reports the steps so far. The run asks for it when it ends."""
        self._close()
        self._fetch(None)

    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        self._remark({"loss": loss, **scalars})

    def _remark(self, scalars: dict[str, Any]) -> None:
        if not self._steps.say({name: float(value) for name, value in scalars.items()}):
            self._run.log(self.step, **scalars)

    def _recorded(self) -> Recorded | None:
        return self._steps.collect()

    def _detach(self) -> None:
        """The graph keeps what was added to it, and runs none of it."""

    def _due(self, step: int) -> bool:
        return self._probed is not None

    def _probe(self, step: int) -> Probed | None:
        probed, self._probed = self._probed, None
        return probed

    def _add_taps(self) -> None:
        """Finds optimizers that were not there before, and adds what is measured of them to the graph."""
        known = {operation for tap in self._probes for operation in tap.application.operations}
        trainable = {variable.op.name for variable in self._graph.get_collection(tf1.GraphKeys.TRAINABLE_VARIABLES)}
        for application in applications(self._graph, trainable):
            if not application.operations & known and any(update.gradient for update in application.updates):
                tap = Tap(self._graph, application, self._loss)
                self._probes[tap] = Probe(self._graph, tap, everything=self._probing)

    def _usually(self, fetches: Any) -> Beside | None:
        """Returns what every run with these fetches does beside them; None where they make no step."""
        plain = type(fetches) in _SEQUENCES and self._leaves.issuperset(map(type, fetches))
        flat = fetches if plain else tf.nest.flatten(fetches)  # which takes as long as all the rest
        key = tuple(map(id, flat))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST_FETCHES:
                self._known.clear()
            running = ancestors(operation for each in flat for operation in _operations(self._graph, each))
            if not self._graph.finalized:
                self._add_taps()
            taps = tuple(tap for tap in self._probes if tap.runs_in(running))
            # Kept with the fetches: identities are theirs only for as long as they exist.
            self._leaves.update(type(each) for each in flat if isinstance(each, tf.Tensor | tf.Operation))
            known = list(flat), Beside(taps, [tap.row for tap in taps]) if taps else None
            self._known[key] = known
        return known[1]

    def _prepare(self, session_run: SessionRun, usual: Beside) -> Beside:
        if usual is not self._settled:
            self._settle(session_run, usual)
        taps, number = usual.taps, self.step + 1
        probe, fetches = None, usual.fetches
        first = taps[0] if usual is self._settled else next(iter(self._places))
        if first in taps:
            if self._probing and self._probe_schedule.due(number):
                probe = self._probes[first]
                fetches = [*fetches, probe.fetches]
            elif not self._sampled:
                probe = self._probes[first]
                fetches = [*fetches, probe.sample]
        weighing = number == self._weighed_step or self._weight_schedule.due(number)
        weighed = weighing and self._copy(session_run, taps, number)
        if probe is None and not weighed:
            return usual
        self._began = time.perf_counter()
        return Beside(taps, fetches, probe, weighed)

    def _settle(self, session_run: SessionRun, usual: Beside) -> None:
        """Sees to what changes from run to run only where several optimizers train."""
        taps = usual.taps
        if self._global_step is not None:
            self._resume(session_run)
        if any(tap not in self._places for tap in taps):
            self._close()
            self._fetch(None)
            self._arrange([*self._places, *(tap for tap in taps if tap not in self._places)])
        if any(self._steps.ends_before(self._places[tap]) for tap in taps):
            self._close()
        self._ran_at.update((tap, self.step + 1) for tap in taps)
        self._settled = usual if len(self._places) == 1 else None

    def _resume(self, session_run: SessionRun) -> None:
        """Goes on where a checkpoint left off; a graph that counts no steps begins at 0."""
        step, self._global_step = self._global_step, None
        with contextlib.suppress(tf.errors.OpError):  # not initialised, which the run itself will say
            self._step = max(self._step, int(session_run(step)))

    def _copy(self, session_run: SessionRun, taps: tuple[Tap, ...], number: int) -> bool:
        """Copies the weights; whether they could be read."""
        began = time.perf_counter()
        try:
            for tap in taps:
                tap.weights.keep(session_run)
        except tf.errors.OpError:
            _LOG.debug("the weights cannot be read", exc_info=True)
            return False
        # A first run has the session prepare it, which is paid once, whatever the schedule.
        new = not self._weighed_step
        self._weighed_step = number
        # Comparing takes about as long.
        self._weight_schedule.ran(number, 0.0 if new else 2 * (time.perf_counter() - began))
        return True

    def _weigh(self, session_run: SessionRun, tap: Tap) -> Any:
        try:
            return tap.weights.compare(session_run)
        except tf.errors.OpError:
            _LOG.debug("the weights cannot be compared", exc_info=True)
            return None

    def _take_probe(self, probe: Probe, fetched: dict[str, Any], seconds: float) -> None:
        number = self.step + 1
        if not self._sampled:
            self._sampled = True
            self._run.describe(described_data(next(iter(self._places)), probe, fetched))
        if fetched.keys() - probe.sample.keys():
            probed = probe.probed(fetched)
            if len(self._places) > 1:
                probed.zero_shares = None  # of one network's tensors only, and a row has those of all
            self._probed = probed
            # The first one has the session prepare it, which is paid once, whatever the schedule.
            self._probe_schedule.ran(number, max(0.0, seconds - self._usual) if self._usual else 0.0)

    def _close(self) -> None:
        if not self._steps.close():
            return
        self._stepped()
        if len(self._places) < 2:
            return
        gone = [tap for tap, number in self._ran_at.items() if number <= self.step - _FORGOTTEN]
        if gone:
            self._fetch(None)
            self._arrange([tap for tap in self._places if tap not in gone])

    def _arrange(self, taps: Sequence[Tap]) -> None:
        """Gives the variables of optimizers a place in the tensor table, and describes them."""
        columns: dict[Any, int] = {}
        for tap in taps:
            for variable in tap.variables:
                columns.setdefault(variable, len(columns))
        self._places = {}
        for tap in taps:
            behind = f"/{tap.application.scope}" if self._places else ""
            self._places[tap] = Place(
                {f"{name}{behind}": place for name, place in tap.reported.items()},
                np.array([columns[variable] for variable in tap.variables], np.int64),
            )
        self._ran_at = {tap: self._ran_at.get(tap, self.step) for tap in taps}
        self._steps.arrange(len(columns), list(self._places.values()))
        self._run.describe(described(taps, self._probes[taps[0]], list(columns)))


def _operations(graph: Any, fetch: Any) -> list[Any]:
    """Returns what a fetch asks to run; nothing for what the session will refuse."""
    if isinstance(fetch, tf1.SparseTensor | tf.IndexedSlices):
        parts = [fetch.values, fetch.indices, fetch.dense_shape]
        return [part.op for part in parts if part is not None]
    try:
        element = graph.as_graph_element(fetch, allow_tensor=True, allow_operation=True)
    except (TypeError, ValueError, KeyError):
        return []
    return [element.op if isinstance(element, tf.Tensor) else element]
