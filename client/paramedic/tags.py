"""What other loggers call a signal, in Paramedic's words."""

import re

from paramedic.names import MAX_SIGNAL_CHARACTERS

TOTAL = "all tensors"
"""Stands where a tensor's name would stand, for the norm of all gradients together."""

_VALIDATION = frozenset({"val", "valid", "validation", "eval", "evaluation", "dev", "test"})
_SAYING_NOTHING = frozenset(
    {"train", "training", "epoch", "batch", "step", "iteration", "iterations", "vs", "avg", "mean"}
)
_SIGNALS = {
    "loss": "loss",
    "total_loss": "loss",
    "acc": "accuracy",
    "accuracy": "accuracy",
    "lr": "learning_rate",
    "learning_rate": "learning_rate",
    "lr_0": "learning_rate",
    "learning_rate_0": "learning_rate",
}
_GRADIENT_NORM = re.compile(
    r"(?:.*/)?(?:global_?)?grad(?:ient)?s?_(?:2(?:\.0)?_)?norm(?:_total)?(?:/(?P<tensor>.+))?", re.IGNORECASE
)


def signal(tag: str) -> str:
    """Returns the name of a scalar signal.

    Args:
        tag: As a logger wrote it.

    Returns:
        "loss" for "Loss/train", "val_loss" for "eval/loss", and so on; a tag that says neither, as it is.
    """
    words = [word for word in re.split(r"[/\\_\-.: ]+", tag.lower()) if word]
    told = [word for word in words if word not in _VALIDATION | _SAYING_NOTHING]
    known = _SIGNALS.get("_".join(told))
    if known is None:
        return tag[:MAX_SIGNAL_CHARACTERS]
    return f"val_{known}" if _VALIDATION & set(words) and known != "learning_rate" else known


def gradient_norm(tag: str) -> str | None:
    """Returns the tensor whose gradient norm a scalar is, `TOTAL` for all of them together, None for another scalar.

    Args:
        tag: As a logger wrote it: "grad_norm", "train/grad_norm", "grad_2.0_norm/fc.weight".
    """
    match = _GRADIENT_NORM.fullmatch(tag)
    return None if match is None else match["tensor"] or TOTAL
