"""Hugging Face: a callback that reports every step of a transformers.Trainer.

Example:
    >>> import paramedic
    >>> from paramedic.integrations.huggingface import Monitor
    >>> run = paramedic.init("reviews")
    >>> trainer = Trainer(model, arguments, train_dataset=reviews, callbacks=[Monitor(run)])
    >>> trainer.train()
"""

from paramedic.integrations.huggingface.monitor import Monitor

__all__ = ["Monitor"]
