"""What is measured in a graph of TensorFlow 1: norms of gradients, weights and updates, the gradient's path."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

tf1 = tf.compat.v1


class Update(NamedTuple):
    """One step of an optimizer.

    Attributes:
        operation: That makes the step.
        norms: By signal, float32 [variables]; of the same step when they are fetched with the operation.
    """

    operation: Any
    norms: dict[str, Any]


def measured_update(optimizer: Any, loss: Any, variables: Sequence[Any], global_clipnorm: float | None) -> Update:
    """Builds what `optimizer.minimize(loss)` builds, and what measures it.

    Args:
        optimizer: Of tf.train.
        loss: A scalar.
        variables: To train.
        global_clipnorm: Bound on the norm of all gradients together; None for none.
    """
    gradients = tf1.gradients(loss, variables)
    before = [tf.identity(variable.read_value()) for variable in variables]
    gradient_norms, weight_norms = _norms(gradients), _norms(before)
    applied = gradients if global_clipnorm is None else tf.clip_by_global_norm(gradients, global_clipnorm)[0]
    # Weights are read, and what they are worth is known, before the step moves them.
    with tf.control_dependencies([gradient_norms, weight_norms]):
        operation = optimizer.apply_gradients(zip(applied, variables, strict=True))
    with tf.control_dependencies([operation]):
        after = [variable.read_value() for variable in variables]
    updates = _norms([new - old for new, old in zip(after, before, strict=True)])
    return Update(operation, {"gradient_norm": gradient_norms, "weight_norm": weight_norms, "update_norm": updates})


def gradient_path(cell: Any, x: Any, loss_of: Callable[[Any], Any]) -> Any:
    """Builds the norm of dL/dh_t over batch and units, float32 [time].

    A zero is added to what the cell puts out and hands on at each time step; the gradient by that zero is dL/dh_t,
    along the whole way from there to the end.

    Args:
        cell: That was used before, and has its weights.
        x: [batch, time, features].
        loss_of: The loss of the last output [batch, units].
    """
    batch, time = tf.shape(x)[0], x.shape[1]
    zeros = tf.zeros([batch, time, cell.output_size])
    outputs, _ = tf1.nn.dynamic_rnn(
        _Perturbed(cell, x.shape[2]), tf.concat([x, zeros], -1), dtype=tf.float32, scope="rnn"
    )
    [gradient] = tf1.gradients(loss_of(outputs[:, -1, :]), [zeros])
    return tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=[0, 2]))


class _Perturbed:
    """A cell whose input carries, behind the features, what is to be added to its output."""

    def __init__(self, cell: Any, features: int) -> None:
        self._cell = cell
        self._features = features
        self.state_size = cell.state_size
        self.output_size = cell.output_size
        self.zero_state = cell.zero_state

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        output, state = self._cell(inputs[:, : self._features], state)
        output += inputs[:, self._features :]
        return output, state._replace(h=output) if hasattr(state, "_replace") else output


def _norms(tensors: Sequence[Any]) -> Any:
    return tf.stack([tf.norm(tf.convert_to_tensor(tensor)) for tensor in tensors])
