"""PyTorch: watches a training loop of one's own.

Example:
    >>> import paramedic
    >>> run = paramedic.init("digits")
    >>> watch = run.watch(model, optimizer)
    >>> for x, y in loader:
    ...     loss = train(x, y)
    ...     watch.log(loss=loss)
"""

from paramedic.integrations.torch.watch import TorchWatch

__all__ = ["TorchWatch"]
