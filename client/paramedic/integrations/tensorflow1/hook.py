"""Sessions with hooks."""

import logging
from typing import Any

import tensorflow as tf

from paramedic.integrations.tensorflow1.graph_watch import Beside, GraphWatch
from paramedic.integrations.watch import EVERY, Unwatched, Watch
from paramedic.run import Run

tf1 = tf.compat.v1

_LOG = logging.getLogger("paramedic")


class MonitorHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow has no types
    """Reports the steps of a MonitoredSession, as `watch` does those of a plain one.

        with tf.compat.v1.train.MonitoredTrainingSession(hooks=[MonitorHook(run)]) as session:
            while not session.should_stop():
                session.run(train)

    Where the run was opened with `stop_on`, the session is asked to stop once there is a finding that is so severe. An
    exception that ends the session is not seen by hooks; the run's own `with` block reports it.

    Attributes:
        watch: What else the loop may say: `hook.watch.log(accuracy=...)`; there from the session's beginning.
    """

    def __init__(
        self, run: Run, loss: Any = None, *, step: int | None = None, every: int = EVERY, probes: bool = True
    ) -> None:
        """Prepares to watch the session that it is given to.

        Args:
            run: Where to report; its owner ends it.
            loss: Scalar tensor to report. None: what the optimizer minimises, as the graph tells.
            step: The last step before the session's. None: the global step that it begins with.
            every: Steps that are reported at once. Slow steps are reported once a second.
            probes: Whether to measure activations and the gradient's path through time.
        """
        self.watch: Watch = Unwatched()
        self._run = run
        self._options = {"loss": loss, "step": step, "every": every, "probes": probes}
        self._graph_watch: GraphWatch | None = None
        self._beside: Beside | None = None

    def begin(self) -> None:
        """Adds what it measures to the graph, while that can be added to."""
        if not self._run.recording:
            return
        try:
            self.watch = self._graph_watch = GraphWatch(self._run, tf1.get_default_graph(), **self._options)
        except Exception as error:
            _LOG.warning("the session cannot be watched; the training goes on without it: %s", error, exc_info=True)

    def before_run(self, run_context: Any) -> Any:
        """Has a run that trains fetch what is measured of it."""
        if self._graph_watch is None:
            return None
        beside = self._graph_watch.before(run_context.session.run, run_context.original_args.fetches)
        self._beside = beside
        return None if beside is None else tf1.train.SessionRunArgs(beside.fetches)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Takes in what was measured."""
        beside, self._beside = self._beside, None
        if self._graph_watch is not None and beside is not None:
            self._graph_watch.after(run_context.session.run, beside, run_values.results)
        if self._run.should_stop:
            run_context.request_stop()

    def end(self, session: Any) -> None:
        """Reports the rest."""
        self.watch.flush()
