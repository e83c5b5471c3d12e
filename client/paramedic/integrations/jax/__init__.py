"""JAX: a pure function that measures a step inside jit, and a watch on the host that reports it.

Example:
    >>> import paramedic
    >>> from paramedic.integrations.jax import measure, watch
    >>> run = paramedic.init("digits")
    >>> watching = watch(run, loss_fn, params, x, y, optimizer=optimizer)
    >>> params, state, measured = train(params, state, x, y)  # returns measure(loss, gradients, params, updated)
    >>> watching.log(measured, params=params)
"""

from paramedic.integrations.jax.measurements import measure
from paramedic.integrations.jax.watch import JaxWatch, watch

__all__ = ["JaxWatch", "measure", "watch"]
