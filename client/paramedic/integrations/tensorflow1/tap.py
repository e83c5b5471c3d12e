"""What is measured of one optimizer in every step that it makes: the gradients, the loss, the learning rate."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from paramedic.describe.tensorflow1 import Application, Gradient, Update, ancestors, network_of, tensor_table
from paramedic.integrations.tensorflow1.building import building, half_square, only_reads
from paramedic.integrations.tensorflow1.weights import Weights

tf1 = tf.compat.v1


class Tap:
    """Tensors beside one application of gradients.

    Attributes:
        application: It measures.
        network: That the gradients are of.
        variables: Operations that hold what is updated and has a known gradient, in forward order.
        table: The same, described.
        sources: All operations that run when it does.
        row: To fetch in each of its steps, float32 [2 + variables]: the loss, the learning rate, and half the squared
            norm of each gradient; one small vector, since every tensor that is fetched costs as much.
        reported: Positions in the row of the scalars that there are, by signal.
        weights: Measures weights and updates.
        zero_shares: float32 [variables]: the share of zeros in each gradient.
    """

    def __init__(self, graph: Any, application: Application, loss: Any) -> None:
        """Adds the tensors to the graph.

        Args:
            graph: That is not finalised.
            application: Of gradients.
            loss: Scalar that is to be reported; None for what the gradients are of.
        """
        self.application = application
        self.network = network_of(application.loss if loss is None else loss)
        updates = {update.variable: update for update in application.updates if update.gradient is not None}
        self.variables, self.table = tensor_table(self.network, list(updates))
        self.sources = ancestors(application.operations)
        with building(graph):
            gradients = [_whole(updates[variable]) for variable in self.variables]
            squares = [half_square(gradient) for gradient in gradients]
            if application.loss_scale is not None:
                scale = tf.square(tf.cast(application.loss_scale, tf.float32))
                squares = [square / scale for square in squares]
            scalars = {"loss": self._reportable(loss), "learning_rate": _learning_rate(application.updates)}
            told = [tf.zeros([]) if scalar is None else tf.cast(scalar, tf.float32) for scalar in scalars.values()]
            self.row = tf.stack([*told, *squares])
            self.reported = {name: place for place, (name, scalar) in enumerate(scalars.items()) if scalar is not None}
            self.zero_shares = tf.stack([tf.reduce_mean(tf.cast(tf.equal(each, 0), tf.float32)) for each in gradients])
            self.weights = Weights(self.variables)

    def runs_in(self, running: set[Any]) -> bool:
        """Whether all of its variables are updated."""
        return self.application.operations <= running

    def _reportable(self, loss: Any) -> Any:
        """Returns the loss to report; None where there is none that the step computes from what it is fed."""
        loss = self.application.loss if loss is None else loss
        return loss if loss is not None and only_reads([loss], self.sources) else None


def _whole(update: Update) -> Any:
    """Returns a gradient in which each row stands once; slices of the same row are summed."""
    gradient = update.gradient
    assert gradient is not None
    if gradient.indices is None:
        return gradient.values
    summed = [operation for operation in gradient.clipping if _sums(operation, gradient)]
    if summed:
        return summed[0].outputs[0]
    rows, places = tf.unique(gradient.indices)
    return tf.math.unsorted_segment_sum(gradient.values, places, tf.shape(rows)[0])


def _sums(operation: Any, gradient: Gradient) -> bool:
    return bool(operation.type == "UnsortedSegmentSum" and operation.inputs[0].name == gradient.values.name)


def _learning_rate(updates: Sequence[Update]) -> Any:
    rate = next((update.learning_rate for update in updates if update.learning_rate is not None), None)
    while rate is not None and rate.op._get_control_flow_context() is not None:
        value = tf.get_static_value(rate)
        if value is not None:
            return tf.constant(value)
        # Only what leads into a branch can be read outside of it.
        rate = rate.op.inputs[0] if rate.op.type in ("Switch", "RefSwitch") else None
    return rate
