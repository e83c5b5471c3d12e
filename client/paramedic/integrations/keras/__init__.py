"""Keras: a callback that reports every step of a fit.

Example:
    >>> import paramedic
    >>> from paramedic.integrations.keras import Monitor
    >>> run = paramedic.init("digits")
    >>> model.fit(x, y, callbacks=[Monitor(run)])
"""

import keras

if keras.backend.backend() not in ("tensorflow", "jax", "torch"):
    raise ImportError(
        "paramedic.integrations.keras records inside the train step of TensorFlow, JAX or torch, but Keras runs on "
        f"{keras.backend.backend()!r}; set KERAS_BACKEND, or log from your own loop with run.log()"
    )

from paramedic.integrations.keras.monitor import Monitor

__all__ = ["Monitor"]
