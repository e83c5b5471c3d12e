"""A whole training as one graph, traced once for all arms that share it.

What tells arms and seeds apart is its input: weights, learning rates, clipping bounds, numbers of the optimizer,
samples and their order. A call trains some steps and hands back the state that the next call goes on from, so that a
training can be watched and ended without being compiled again. Samples are gathered within the graph; nothing but a row
of numbers leaves it a step.

"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from paramedic_service.reproduction.worker.clipping import Bounds
from paramedic_service.reproduction.worker.gradients import Gradients
from paramedic_service.reproduction.worker.metrics import Metric
from paramedic_service.reproduction.worker.models import Template
from paramedic_service.reproduction.worker.optimizers import Optimizer
from paramedic_service.reproduction.worker.unrolling import unrolled
from paramedic_service.reproduction.worker.updates import Numbers


class State(NamedTuple):
    """What steps change.

    Attributes:
        weights: Trainable tensors, float32 [parameters].
        others: Everything else that a model keeps: moving statistics, states of random numbers, frozen weights.
        slots: What the optimizer remembers.
    """

    weights: Any
    others: tuple[Any, ...]
    slots: tuple[Any, ...]


class Inputs(NamedTuple):
    """What stays the same over a training.

    Attributes:
        x: Inputs of the model, [samples, ...] each.
        y: Targets, likewise.
        sample_weights: float32 [samples].
        order: Samples of each step, int32 [steps, batch].
        rates: Learning rate of each step, float32 [steps].
        bounds: On gradients.
        numbers: Of the optimizer.
    """

    x: tuple[Any, ...]
    y: tuple[Any, ...]
    sample_weights: Any
    order: Any
    rates: Any
    bounds: Bounds
    numbers: Numbers


class Program:
    """Trains every arm of one structure.

    Args:
        template: Whose graph is used, never its weights.
        optimizer: Of any of the arms.
        metrics: Measured at every step.
    """

    def __init__(self, template: Template, optimizer: Optimizer, metrics: Sequence[Metric]) -> None:
        self._model = template.model
        self._variables = template.variables
        self._others = list(template.model.non_trainable_variables)
        self._layout = template.layout
        self._optimizer = optimizer
        self._metrics = metrics
        self._train = _Compiled(self._steps, template)
        self._assess = _Compiled(self._assessment, template)

    def train(self, state: State, inputs: Inputs, start: int, count: int) -> tuple[State, Any]:
        """Trains some steps.

        Args:
            state: To go on from.
            inputs: Of the training.
            start: Steps that were trained before.
            count: Steps to train.

        Returns:
            The state after them, and a row a step, float32 [count, 1 + metrics + 4 tensors]: the loss; the metrics over
            the batch; and of each tensor half the square of the norms of its gradient before clipping, of the tensor
            before the update and of the update, and the share of its gradient that is zero.
        """
        trained: tuple[State, Any] = self._train(state, inputs, tf.constant(start), tf.constant(count))
        return trained

    def assess(self, state: State, x: Sequence[Any], y: Sequence[Any]) -> tuple[Any, Any]:
        """Looks at samples without training on them.

        Returns:
            Loss and metrics over the samples, float32 [1 + metrics], and the outputs of the model.
        """
        assessed: tuple[Any, Any] = self._assess(state, tuple(x), tuple(y))
        return assessed

    def _steps(self, state: State, inputs: Inputs, start: Any, count: Any) -> tuple[State, Any]:
        width = 1 + len(self._metrics) + 4 * len(self._variables)
        rows = tf.TensorArray(tf.float32, count, element_shape=[width])

        def body(done: Any, state: State, rows: Any) -> tuple[Any, State, Any]:
            state, row = self._step(state, inputs, start + done)
            return done + 1, state, rows.write(done, row)

        # Steps depend on each other, so that loops may as well not look for others to run beside them.
        _, state, rows = tf.while_loop(
            lambda done, *_: done < count, body, (tf.constant(0), state, rows), parallel_iterations=1
        )
        return state, rows.stack()

    def _step(self, state: State, inputs: Inputs, done: Any) -> tuple[State, Any]:
        chosen = inputs.order[done]
        x, y, sample_weights = tf.nest.map_structure(
            lambda samples: tf.gather(samples, chosen), (inputs.x, inputs.y, inputs.sample_weights)
        )
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            weights = self._layout.tensors(state.weights)
            tape.watch(weights)
            loss, metrics, others = self._forward(weights, state.others, x, y, sample_weights)
        parts = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        gradients = Gradients(parts, self._layout)
        updated, slots = self._optimizer.update(
            state.weights,
            gradients.clipped(inputs.bounds),
            state.slots,
            inputs.rates[done],
            tf.cast(done + 1, tf.float32),
            inputs.numbers,
        )
        updated = self._constrained(updated)
        updates = self._layout.split(updated - state.weights)
        halves = [tf.nn.l2_loss(each) for each in (*gradients.dense, *self._layout.split(state.weights), *updates)]
        zeros = [tf.math.zero_fraction(gradient) for gradient in gradients.dense]
        row = tf.stack([tf.cast(value, tf.float32) for value in (loss, *metrics, *halves, *zeros)])
        return State(updated, others, tuple(slots)), row

    def _forward(
        self,
        weights: Sequence[Any],
        others: Sequence[Any],
        x: Sequence[Any],
        y: Sequence[Any],
        sample_weights: Any,
    ) -> tuple[Any, list[Any], tuple[Any, ...]]:
        """Loss and metrics of a batch, and what the pass changed besides."""
        with self._holding(weights, others), unrolled(self._model):
            outputs = self._outputs(x, training=True)
            loss = self._loss(x, y, outputs, sample_weights, training=True)
            after = tuple(tf.convert_to_tensor(variable.value) for variable in self._others)
        return loss, [metric.measure(y, outputs) for metric in self._metrics], after

    def _assessment(self, state: State, x: Sequence[Any], y: Sequence[Any]) -> tuple[Any, Any]:
        with self._holding(self._layout.tensors(state.weights), state.others):
            outputs = self._outputs(x, training=False)
            loss = self._loss(x, y, outputs, None, training=False)
        measured = [loss, *(metric.measure(y, outputs) for metric in self._metrics)]
        return tf.stack([tf.cast(value, tf.float32) for value in measured]), outputs

    def _holding(self, weights: Sequence[Any], others: Sequence[Any]) -> Any:
        """The model's variables hold these, and take what is assigned to them, as long as this is open."""
        held = [*zip(self._variables, weights, strict=True), *zip(self._others, others, strict=True)]
        return keras.StatelessScope(state_mapping=held, collect_losses=True)

    def _outputs(self, x: Sequence[Any], training: bool) -> list[Any]:
        outputs = self._model(x[0] if len(x) == 1 else list(x), training=training)
        return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

    def _loss(self, x: Any, y: Sequence[Any], outputs: Sequence[Any], sample_weights: Any, training: bool) -> Any:
        if sample_weights is not None:
            # A loss has a value for each time step, which all weigh as their sample does.
            axes = max(outputs[0].shape.rank - 2, 0)
            sample_weights = tf.reshape(sample_weights, [-1, *[1] * axes])
        return self._model._compute_loss(
            x=x,
            y=y[0] if len(y) == 1 else list(y),
            y_pred=outputs[0] if len(outputs) == 1 else list(outputs),
            sample_weight=sample_weights,
            training=training,
        )

    def _constrained(self, weights: Any) -> Any:
        if not any(variable.constraint for variable in self._variables):
            return weights
        tensors = self._layout.tensors(weights)
        return self._layout.join(
            [
                variable.constraint(tensor) if variable.constraint else tensor
                for variable, tensor in zip(self._variables, tensors, strict=True)
            ]
        )


class _Compiled:
    """A function of a state and of arrays whose first axes differ in length from call to call; traced once for all.

    Args:
        function: To be traced.
        template: Whose model it calls.
    """

    def __init__(self, function: Callable[..., Any], template: Template) -> None:
        self._function = tf.function(function, autograph=False)
        self._tracing = template.tracing
        self._concrete: Any = None

    def __call__(self, state: State, *arguments: Any) -> Any:
        if self._concrete is None:
            with self._tracing:
                if self._concrete is None:
                    specified = tf.nest.map_structure(_specification, (*arguments,))
                    fixed = tf.nest.map_structure(_fixed, state)
                    self._concrete = self._function.get_concrete_function(fixed, *specified)
        return self._concrete(state, *arguments)


def _fixed(tensor: Any) -> Any:
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def _specification(value: Any) -> Any:
    tensor = tf.convert_to_tensor(value)
    return tf.TensorSpec([None, *tensor.shape[1:]] if tensor.shape.rank else [], tensor.dtype)
