"""Losses of TensorFlow 1 in neutral terms: recognised by the operations that compute them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from paramedic.describe.tensorflow1.graph import ancestors, is_variable

# What stands between the error of samples and the loss: means, sums, weights, averages over those that count.
_JOINING = frozenset(
    {
        "Add",
        "AddV2",
        "AddN",
        "Sub",
        "Mean",
        "Sum",
        "Neg",
        "Mul",
        "RealDiv",
        "DivNoNan",
        "Identity",
        "Reshape",
        "Squeeze",
    }
    | {"Cast", "Select", "SelectV2", "ExpandDims", "Sqrt", "GatherV2", "StridedSlice", "Pack"}
)
# Weights of samples and the like: not looked behind.
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Loss:
    """What compares predictions with targets.

    Attributes:
        name: "sparse_categorical_crossentropy", "mean_squared_error".
        from_logits: Whether predictions are logits; None when that makes no difference.
        predictions: Tensor.
        targets: Tensor.
    """

    name: str
    from_logits: bool | None
    predictions: Any
    targets: Any


def losses_of(total: Any) -> list[Loss]:
    """Returns what is recognised among the terms of a loss; regularisation is none of it.

    Args:
        total: The scalar that is minimised.
    """
    found: dict[tuple[str, str], Loss] = {}
    seen: set[Any] = set()
    waiting = [total.op]
    while waiting and len(seen) < _MOST:
        operation = waiting.pop(0)
        if operation in seen:
            continue
        seen.add(operation)
        loss = _loss(operation)
        if loss is not None:
            found.setdefault((loss.name, loss.predictions.name), loss)
        elif operation.type in _JOINING:
            waiting += [tensor.op for tensor in operation.inputs if tensor.dtype.is_floating]
    return _without_halves(list(found.values()))


def _loss(operation: Any) -> Loss | None:
    inputs = list(operation.inputs)
    match operation.type:
        case "SparseSoftmaxCrossEntropyWithLogits":
            return Loss("sparse_categorical_crossentropy", True, inputs[0], inputs[1])
        case "SoftmaxCrossEntropyWithLogits":
            return Loss("categorical_crossentropy", True, inputs[0], _unshaped(inputs[1]))
        case "Add" | "AddV2":
            return _logistic(inputs)
        case "SquaredDifference":
            return _between("mean_squared_error", inputs)
        case "Square" | "Pow" | "L2Loss" if inputs[0].op.type == "Sub":
            return _between("mean_squared_error", list(inputs[0].op.inputs))
        case "Abs" if inputs[0].op.type == "Sub":
            return _between("mean_absolute_error", list(inputs[0].op.inputs))
        case "Mul":
            return _squared(inputs) or _logarithmic(inputs)
    return None


def _logistic(inputs: Sequence[Any]) -> Loss | None:
    """Recognises max(x, 0) - x * z + log(1 + exp(-|x|)), which is how `sigmoid_cross_entropy_with_logits` is made."""
    if [tensor.op.type for tensor in inputs] != ["Sub", "Log1p"]:
        return None
    chosen, product = (tensor.op for tensor in inputs[0].op.inputs)
    if chosen.type not in ("Select", "SelectV2") or product.type != "Mul":
        return None
    logits = chosen.inputs[0].op.inputs[0]
    targets = [tensor for tensor in product.inputs if tensor.name != logits.name]
    return Loss("binary_crossentropy", True, logits, targets[0]) if targets else None


def _squared(inputs: Sequence[Any]) -> Loss | None:
    if inputs[0].name != inputs[1].name or inputs[0].op.type != "Sub":
        return None
    return _between("mean_squared_error", list(inputs[0].op.inputs))


def _logarithmic(inputs: Sequence[Any]) -> Loss | None:
    """Recognises y * log(p), with a minus before either."""
    for place in (0, 1):
        logarithm = inputs[place].op
        if logarithm.type == "Neg":
            logarithm = logarithm.inputs[0].op
        targets = inputs[1 - place]
        if targets.op.type == "Neg":
            targets = targets.op.inputs[0]
        if logarithm.type == "LogSoftmax":
            return Loss("categorical_crossentropy", True, logarithm.inputs[0], targets)
        if logarithm.type == "Log" and targets.shape.rank != 0:
            return Loss("categorical_crossentropy", False, _unclipped(logarithm.inputs[0]), targets)
    return None


def _between(name: str, sides: Sequence[Any]) -> Loss | None:
    learned = [_is_learned(side) for side in sides]
    if learned == [True, False]:
        return Loss(name, None, sides[0], sides[1])
    if learned == [False, True]:
        return Loss(name, None, sides[1], sides[0])
    return None  # of two networks, neither is a target


def _without_halves(losses: list[Loss]) -> list[Loss]:
    """Joins y * log(p) and (1 - y) * log(1 - p) into the binary cross-entropy that they are together."""
    for half in losses:
        predictions = _complemented(half.predictions)
        if half.name != "categorical_crossentropy" or half.from_logits or predictions is None:
            continue
        for other in losses:
            if other.predictions.name == predictions.name and other.name == half.name:
                joined = Loss("binary_crossentropy", False, predictions, other.targets)
                return [joined, *(loss for loss in losses if loss is not half and loss is not other)]
    return losses


def _complemented(tensor: Any) -> Any:
    """Returns p of 1 - p; None for what is nothing of the kind."""
    tensor = _unclipped(tensor)
    return _unclipped(tensor.op.inputs[1]) if tensor.op.type == "Sub" else None


def _unclipped(tensor: Any) -> Any:
    """Returns a tensor before a small number is added to it, or it is kept from 0 and 1."""
    while (
        tensor.op.type in ("Maximum", "Minimum", "Add", "AddV2", "Identity") and tensor.op.inputs[0].op.type != "Const"
    ):
        if len(tensor.op.inputs) > 1 and tensor.op.inputs[1].op.type not in ("Const", "Sub"):
            break
        tensor = tensor.op.inputs[0]
    return tensor


def _unshaped(targets: Any) -> Any:
    """Returns targets before a loss brings them into the shape that it wants."""
    while targets.op.type in ("Reshape", "StopGradient", "Identity"):
        targets = targets.op.inputs[0]
    return targets


def _is_learned(tensor: Any) -> bool:
    return any(is_variable(operation) for operation in ancestors([tensor.op], control=False))
