"""Plain sessions."""

import logging
import weakref
from typing import Any

import tensorflow as tf

from paramedic.integrations.tensorflow1.graph_watch import GraphWatch
from paramedic.integrations.watch import EVERY, Unwatched, Watch
from paramedic.run import Run

_LOG = logging.getLogger("paramedic")

# How a training says that its data is over.
_DATA_ENDED = tf.errors.OutOfRangeError


class SessionWatch(GraphWatch):
    """Reports the runs of one session that train."""

    def __init__(self, run: Run, session: Any, **options: Any) -> None:
        """Takes the place of the session's `run`, in which nothing else changes.

        Args:
            run: Where to report.
            session: A tf.compat.v1.Session, or InteractiveSession.
            **options: As `GraphWatch` takes them.
        """
        super().__init__(run, session.graph, **options)
        self._session = weakref.ref(session)
        self._own_run = session.run
        self._replaced = vars(session).get("run")
        vars(session)["run"] = self._run_session

    def _run_session(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        beside = self.before(self._own_run, fetches)
        if beside is None:
            return self._own_run(fetches, feed_dict, options, run_metadata)
        try:
            if type(fetches) is list:  # as nearly always; one list is fetched faster than one within another
                everything = self._own_run(fetches + beside.fetches, feed_dict, options, run_metadata)
                result, fetched = everything[: len(fetches)], everything[len(fetches) :]
            else:
                result, *fetched = self._own_run([fetches, *beside.fetches], feed_dict, options, run_metadata)
        except _DATA_ENDED:
            raise
        except Exception as error:
            self.failed(error)
            raise
        self.after(self._own_run, beside, fetched)
        return result

    def _detach(self) -> None:
        session = self._session()
        if session is None or vars(session).get("run") != self._run_session:
            return
        if self._replaced is None:
            del vars(session)["run"]
        else:
            vars(session)["run"] = self._replaced


def watch(
    run: Run, session: Any, loss: Any = None, *, step: int | None = None, every: int = EVERY, probes: bool = True
) -> Watch:
    """Watches a session: from here on its runs that train are reported, and all others are as they were.

        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            paramedic.integrations.tensorflow1.watch(run, session)
            for x_batch, y_batch in batches:
                session.run(train, {x: x_batch, y: y_batch})

    A run trains when it makes a step of an optimizer of `tf.compat.v1.train`, or of Keras 2. What is measured of it
    (the loss, the learning rate, norms of gradients before clipping; at times those of weights and updates, activations
    and the gradient's path through time) is fetched by the same run, on the same batch. The weights after training are
    the same, to the bit, as without it. Nothing is raised here: what cannot be watched is said once.

    Call it when the graph is complete, and before `graph.finalize()`. Runs by `make_callable` or `partial_run` are not
    seen, and in loops with the control flow of TensorFlow 2 there is no path through time. Random numbers that are
    drawn within a loop, such as dropout in a cell of `dynamic_rnn`, go to its time steps in the order in which these
    happen to run: such a training is the same twice only with `parallel_iterations=1`, watched or not.

    Args:
        run: Where to report.
        session: A tf.compat.v1.Session or InteractiveSession. A MonitoredSession takes a `MonitorHook` instead.
        loss: Scalar tensor to report. None: what the optimizer minimises, as the graph tells.
        step: The last step before the loop. None: the graph's global step, where it has one, or 0.
        every: Steps that are reported at once. Slow steps are reported once a second.
        probes: Whether to measure activations and the gradient's path through time, every 100 steps or less often.

    Returns:
        What else the loop may say: `watch.log(accuracy=...)`, `watch.epoch_ended(val_loss=...)`.
    """
    if run.recording:
        try:
            return SessionWatch(run, session, loss=loss, step=step, every=every, probes=probes)
        except Exception as error:
            _LOG.warning("the session cannot be watched; the training goes on without it: %s", error, exc_info=True)
    return Unwatched()
