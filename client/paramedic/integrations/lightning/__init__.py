"""Lightning: a callback that reports every step of a fit. It serves `lightning` and `pytorch_lightning` alike.

Example:
    >>> import paramedic
    >>> from paramedic.integrations.lightning import Monitor
    >>> run = paramedic.init("digits")
    >>> trainer = lightning.Trainer(max_epochs=5, callbacks=[Monitor(run)])
    >>> trainer.fit(model, loader)
"""

from paramedic.integrations.lightning.monitor import Monitor

__all__ = ["Monitor"]
