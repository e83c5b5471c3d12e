"""Trainings by graphs and sessions, as TensorFlow 1 has them: `tf.compat.v1`.

Example:
    >>> run = paramedic.init("digits")
    >>> with tf.compat.v1.Session() as session:
    ...     session.run(tf.compat.v1.global_variables_initializer())
    ...     watch(run, session)
    ...     for x_batch, y_batch in batches:
    ...         session.run(train, {x: x_batch, y: y_batch})
"""

from paramedic.integrations.tensorflow1.hook import MonitorHook
from paramedic.integrations.tensorflow1.session import SessionWatch, watch

__all__ = ["MonitorHook", "SessionWatch", "watch"]
