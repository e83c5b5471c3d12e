"""TensorFlow 2: loops of one's own around a `GradientTape`, eager, in a tf.function, or over several replicas.

Example:
    >>> import paramedic
    >>> run = paramedic.init("digits")
    >>> watch = run.watch(model, optimizer, loss=loss_function)
    >>> for x, y in batches:
    ...     loss = train_step(x, y)  # may be a tf.function; keep what follows outside of it
    ...     watch.log(loss=loss)
"""

from paramedic.integrations.tensorflow.watch import TensorFlowWatch

__all__ = ["TensorFlowWatch"]
