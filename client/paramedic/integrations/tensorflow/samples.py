"""Samples of the first batch, kept as they pass through the loop's own calls of the model and the loss."""

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import keras
import tensorflow as tf
from tensorflow.python.ops import control_flow_util  # tells whether XLA compiles a graph; there is no public way

from paramedic.integrations.keras.backend.tensorflow.first_batch import FirstBatch
from paramedic.integrations.keras.backend.tensorflow.replicas import is_first
from paramedic.integrations.tensorflow.unconverted import unconverted


class Samples:
    """What the model and the loss were given first. Nothing is read from the data for it.

    Inputs are those of a call of the model that is not said to be for inference; targets those of the call of the loss
    that follows.
    """

    def __init__(self, model: Any, loss: Any, on_problem: Callable[[Exception], None]) -> None:
        """Prepares to keep samples.

        Args:
            model: A keras.Model.
            loss: The keras.losses.Loss that the loop calls. There are no targets where it is something else.
            on_problem: Told of what goes wrong in here, which the training never sees.
        """
        self._on_problem = on_problem
        self._targets = isinstance(loss, keras.losses.Loss)
        self._patches = [(vars(model), self._tap(model.call, self._entered))]
        if self._targets:
            self._patches.append((vars(loss), self._tap(loss.call, self._judged)))
        self._inputs: Any = None
        self._graph: Any = None
        self._graphs: WeakSet[Any] = WeakSet()
        self._batch: FirstBatch | None = None

    def insert(self) -> None:
        """Puts the taps in."""
        for attributes, call in self._patches:
            attributes["call"] = call

    def remove(self) -> None:
        """Takes the taps out."""
        self._inputs = self._graph = None
        for attributes, call in self._patches:
            if attributes.get("call") is call:
                del attributes["call"]

    @unconverted
    def updated(self) -> None:
        """Takes in that the optimizer is called: what entered the model last was a batch of the training's."""
        if not self._targets and self._inputs is not None and tf.executing_eagerly():
            self._record((self._inputs,))

    def read(self) -> Any:
        """Returns (inputs, targets), numpy [samples, ...]; targets are None where unknown. None when there are none."""
        samples = None if self._batch is None else self._batch.read()
        return None if samples is None else (*samples, None)[:2]

    def _tap(self, original: Callable[..., Any], see: Callable[..., None]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                see(*args, **kwargs)
            except Exception as problem:
                self._on_problem(problem)
            return original(*args, **kwargs)

        return call

    @unconverted
    def _entered(self, *args: Any, training: Any = None, mask: Any = None, **others: Any) -> None:
        if training is False or len(args) != 1 or others or not is_first():
            return
        self._inputs, self._graph = args[0], tf.compat.v1.get_default_graph()
        if not self._targets and not tf.executing_eagerly():
            self._record((self._inputs,))

    @unconverted
    def _judged(self, targets: Any, *_: Any, **__: Any) -> None:
        here = tf.compat.v1.get_default_graph()
        if self._inputs is not None and self._graph is here and is_first():
            self._record((self._inputs, targets))

    def _record(self, data: Any) -> None:
        self._inputs = None
        graph = tf.compat.v1.get_default_graph()
        if not tf.executing_eagerly():
            if graph in self._graphs:
                return
            self._graphs.add(graph)
        if self._batch is None:
            self._batch = FirstBatch(compiled=control_flow_util.GraphOrParentsInXlaContext(graph))
        self._batch.record(data)
