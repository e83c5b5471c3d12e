"""The gradient's path through time, read where the graph computes it.

`tf.gradients` differentiates a loop by a loop that runs backwards. In it, what comes back from later time steps and
what comes from the output at this one are summed to dL/dh_t, on the way to the cell: nothing needs to be computed
again. Its norm is written into a variable that is added to the loop, and left out of all runs that do not fetch it.
"""

from typing import Any

import tensorflow as tf

from paramedic.describe.tensorflow1 import Layer
from paramedic.integrations.tensorflow1.building import building, half_square

tf1 = tf.compat.v1

MAX_LAYERS = 16
_MOST_STEPS = 4096
"""Time steps that are kept of sequences whose length the graph does not know."""


def path_norms(graph: Any, layer: Layer, scope: str, loss: Any, loss_scale: Any) -> Any:
    """Adds the norm of dL/dh_t over batch and units.

    Args:
        graph: To add it to.
        layer: Recurrent, with its cell.
        scope: Of `tf.gradients`: "gradients/".
        loss: That is differentiated, scaled or not.
        loss_scale: What it was multiplied by; None where it was not.

    Returns:
        float32 [2, time]: the norms, and 1 for each time step that there is.

    Raises:
        ValueError: The graph is not as expected.
    """
    cell = layer.cell
    if cell is None:
        raise ValueError(f"{layer.name} is no recurrent layer")
    with building(graph):
        if cell.unrolled:
            gradients = tf1.gradients(loss, cell.unrolled)
            squares = tf.stack([tf.zeros([]) if each is None else half_square(each) for each in gradients])
            measured = tf.stack([squares, tf.ones_like(squares)])
        elif cell.state is not None:
            steps = cell.input_shape[1] if len(cell.input_shape) > 1 else -1
            measured = _collected(_total(graph, cell.state, scope), steps if steps > 0 else _MOST_STEPS)
        else:
            raise ValueError(f"{layer.name} has no state that could be told")
        norms = tf.sqrt(2 * measured[0])
        if loss_scale is not None and not cell.unrolled:
            norms /= tf.cast(loss_scale, tf.float32)
        return tf.stack([norms, measured[1]])


def _total(graph: Any, state: Any, scope: str) -> Any:
    """Returns dL/dh_t within the backward loop.

    Args:
        graph: It is in.
        state: Merge of the forward loop's variable.
        scope: Of `tf.gradients`.
    """
    following = state.inputs[1].op.inputs[0]  # what the loop hands to its next iteration
    differentiated = state
    if following.op.type in ("Select", "SelectV2"):  # past the end of a sequence, its state stays
        differentiated = following.op
    part = graph.get_tensor_by_name(f"{scope}{differentiated.name}_grad/tuple/control_dependency_1:0")
    sums = [consumer for consumer in part.consumers() if consumer.type == "AddN"]
    return sums[0].outputs[0] if sums else part


def _collected(gradient: Any, steps: int) -> Any:
    """Adds a variable to a backward loop: half the squared norm of a tensor in each iteration, and that there was one.

    Args:
        gradient: Within the loop.
        steps: Most iterations.

    Returns:
        float32 [2, steps], by time step.
    """
    context = gradient.op._get_control_flow_context()
    if context is None or not context.IsWhileContext() or context.outer_context is not None:
        raise ValueError("the gradient is in no loop, or in a loop within another")
    counter = context.pivot.op.inputs[0].op.inputs[0]  # counts down from the number of iterations to 1
    current = next(consumer for consumer in counter.consumers() if consumer.type == "Switch").outputs[1]
    context.Enter()
    try:
        here = tf.equal(tf.range(1, steps + 1), current)
        values = tf.stack([half_square(gradient), tf.constant(1.0)])
        # Not multiplied: a gradient of NaN at one time step says nothing of the others.
        row = tf.where(tf.stack([here, here]), tf.tile(values[:, None], [1, steps]), tf.zeros([2, steps]))
        row.set_shape([2, steps])
        return context.AddBackpropAccumulator(None, row)
    finally:
        context.Exit()
