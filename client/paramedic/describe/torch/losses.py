"""What a torch loop minimises, in neutral terms.

A loss that still has its graph tells by its nodes what was computed; a module or a function tells by its name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from paramedic.describe.torch.operations import MOVING, operation
from paramedic.v1.description_pb2 import LossConfig

_MAX_NODES = 2000

_BY_NODE: Mapping[str, tuple[str, bool | None]] = {
    "NllLoss": ("sparse_categorical_crossentropy", None),
    "NllLoss2D": ("sparse_categorical_crossentropy", None),
    "BinaryCrossEntropy": ("binary_crossentropy", False),
    "BinaryCrossEntropyWithLogits": ("binary_crossentropy", True),
    "MseLoss": ("mean_squared_error", None),
    "HuberLoss": ("huber", None),
    "SmoothL1Loss": ("huber", None),
    "CtcLoss": ("ctc", None),
}
_BY_NAME: Mapping[str, tuple[str, bool | None]] = {
    "cross_entropy": ("sparse_categorical_crossentropy", True),
    "binary_cross_entropy": ("binary_crossentropy", False),
    "bce": ("binary_crossentropy", False),
    "binary_cross_entropy_with_logits": ("binary_crossentropy", True),
    "bce_with_logits": ("binary_crossentropy", True),
    "mse": ("mean_squared_error", None),
    "l1": ("mean_absolute_error", None),
    "smooth_l1": ("huber", None),
    "huber": ("huber", None),
    "kl_div": ("kl_divergence", None),
    "poisson_nll": ("poisson", None),
}


@dataclass(frozen=True, slots=True)
class FoundLoss:
    """A loss in an autograd graph.

    Attributes:
        config: What it is.
        prediction: Node that what it judges comes from.
        target: Tensor that it is compared with; None when the graph has none.
        weighted: Whether classes or samples are weighted in it.
        ignored: Value of targets that are left out; None where none is.
    """

    config: LossConfig
    prediction: Any
    target: Any = None
    weighted: bool = False
    ignored: int | None = None


def named_loss(loss: Any) -> LossConfig:
    """Describes a loss by its name: nn.CrossEntropyLoss() and F.cross_entropy are the same.

    Args:
        loss: A module or a function.
    """
    given = getattr(loss, "__name__", None) or type(loss).__name__
    # BCEWithLogitsLoss -> bce_with_logits, L1Loss -> l1, KLDivLoss -> kl_div
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", given).lower()
    short = re.sub(r"_?loss$", "", snake)
    name, from_logits = _BY_NAME.get(short, (snake, None))
    return LossConfig(name=name, from_logits=from_logits)


def found_losses(root: Any, is_layer: Callable[[Any], bool]) -> list[FoundLoss]:
    """Looks for losses in the graph that leads to a scalar, in which the graph of the model is left alone.

    Args:
        root: The scalar's node.
        is_layer: Whether a node belongs to a layer of the model.
    """
    found: list[tuple[Any, FoundLoss]] = []
    around: list[Any] = []
    pending, seen = [root], {root}
    while pending and len(seen) < _MAX_NODES:
        node = pending.pop(0)
        loss = _loss_of(node, is_layer)
        if loss is not None:
            found.append((node, loss))
            continue
        around.append(node)
        below = [each for each, _ in node.next_functions if each is not None]
        fresh = [each for each in dict.fromkeys(below) if each not in seen and not is_layer(each)]
        seen.update(fresh)
        pending += fresh
    # Label smoothing has a second term over the same prediction.
    labels = {id(loss.prediction): loss for _, loss in reversed(found)}
    return [_within(loss, node, around) for node, loss in found if labels[id(loss.prediction)] is loss]


def _within(loss: FoundLoss, node: Any, around: Sequence[Any]) -> FoundLoss:
    """A loss with what is done to it on its way to the scalar."""
    reduction = "sum" if _saved(node, "reduction") == 2 else "sum_over_batch_size"
    if any(operation(each) == "Sum" for each in around):
        reduction = "sum"
    loss.config.settings.update({"reduction": reduction})
    if any(operation(each) in ("Add", "Sub") and len(_branches(each)) > 1 for each in around):
        loss.config.settings.update({"further_terms": True})
    own = [_saved(node, name) for name in ("weight", "pos_weight")]
    factors = [_saved(each, "other") for each in around if operation(each) == "Mul"]
    weighted = any(each is not None for each in own) or any(_is_vector(each) for each in factors)
    return replace(loss, weighted=weighted)


def _branches(node: Any) -> list[Any]:
    return [each for each, _ in node.next_functions if each is not None]


def _is_vector(factor: Any) -> bool:
    return getattr(factor, "ndim", 0) > 0


def _loss_of(node: Any, is_layer: Callable[[Any], bool]) -> FoundLoss | None:
    name = operation(node)
    known = _BY_NODE.get(name)
    if known is not None:
        prediction, from_logits, ignored = _below(node), known[1], None
        if name.startswith("NllLoss"):
            prediction, from_logits = _before_log_softmax(prediction, is_layer)
            ignored = (_saved(node, "ignore_index") + 2**63) % 2**64 - 2**63  # autograd shows it without its sign
        config = LossConfig(name=known[0], from_logits=from_logits)
        return FoundLoss(config, prediction, _saved(node, "target"), ignored=ignored)
    if name == "Neg":
        return _soft_cross_entropy(node, is_layer)
    if name == "Mean" and (within := _below(node)) is not None and operation(within) in ("Pow", "Abs"):
        # Written by hand, or by F.l1_loss.
        difference, absolute = _below(within), operation(within) == "Abs"
        known_power = absolute or _saved(within, "exponent") == 2
        if known_power and difference is not None and operation(difference) in ("Sub", "Rsub"):
            error = "mean_absolute_error" if absolute else "mean_squared_error"
            return FoundLoss(LossConfig(name=error), _below(difference))
    return None


def _soft_cross_entropy(node: Any, is_layer: Callable[[Any], bool]) -> FoundLoss | None:
    """F.cross_entropy with probabilities for targets: -sum(target * log_softmax(x))."""
    total = _below(node)
    product = _below(total) if total is not None and operation(total) == "Sum" else None
    if product is None or operation(product) != "Mul":
        return None
    logarithm = _below(product)
    if logarithm is None or operation(logarithm) != "LogSoftmax":
        return None
    target = _saved(product, "other")
    target = _saved(product, "self") if target is None else target
    prediction, from_logits = _before_log_softmax(logarithm, is_layer)
    return FoundLoss(LossConfig(name="categorical_crossentropy", from_logits=from_logits), prediction, target)


def _before_log_softmax(node: Any, is_layer: Callable[[Any], bool]) -> tuple[Any, bool]:
    """The node that a log-softmax reads, and whether there is one; a layer's own node where it is a layer."""
    place = node
    while place is not None and operation(place) in MOVING:
        place = _below(place)
    if place is None or operation(place) != "LogSoftmax":
        return node, False
    return (place if is_layer(place) else _below(place)), True


def _below(node: Any) -> Any:
    """What the first input of a node that has a gradient comes from."""
    return next((each for each, _ in node.next_functions if each is not None), None)


def _saved(node: Any, name: str) -> Any:
    try:
        return getattr(node, f"_saved_{name}", None)
    except RuntimeError:  # freed by the backward pass
        return None
