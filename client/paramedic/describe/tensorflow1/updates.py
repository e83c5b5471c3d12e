"""What a graph of TensorFlow 1 does to its variables: the updates of optimizers, and the gradients behind them.

`Optimizer.apply_gradients` puts the update of each variable into a scope of its own, `Adam/update_dense/kernel`.
Dense ones are one operation, such as ApplyAdam, whose arguments say all. Sparse ones are often made of several, which
assign and scatter. `tf.gradients` puts what it makes into a scope as well, from which the gradient before clipping and
the loss can be told.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paramedic.describe.tensorflow1.graph import constant, is_variable, origin, root, shape_of

_APPLY = re.compile(r"^(Resource)?(Sparse)?Apply(?P<rule>\w+)$")
_ASSIGNING = frozenset(
    {
        "AssignSub",
        "AssignAdd",
        "AssignSubVariableOp",
        "AssignAddVariableOp",
        "ScatterSub",
        "ScatterAdd",
        "ResourceScatterSub",
        "ResourceScatterAdd",
    }
)
_UPDATE = re.compile(r"(?:^|/)update_")
_START = "grad_ys_0"
# What makes one number of a gradient: the norm by which gradients are clipped depends on all of them.
_REDUCTIONS = frozenset({"L2Loss", "Sum", "Mean", "Max", "All", "Any", "IsFinite"})


@dataclass(frozen=True, slots=True)
class Gradient:
    """A gradient as `tf.gradients` made it, before clipping.

    Attributes:
        values: [variable's shape], or [slices, ...].
        indices: Of the rows that slices belong to, [slices]; None for a whole gradient.
        clipping: Operations between it and the update.
    """

    values: Any
    indices: Any = None
    clipping: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """An update of one variable.

    Attributes:
        operation: That moves it.
        variable: Operation that holds it.
        rule: "Adam", "GradientDescent"; empty for one that is made of several operations.
        gradient: It goes by; None when it cannot be told.
        arguments: Of the operation, tensors by name: "lr", "beta1".
    """

    operation: Any
    variable: Any
    rule: str
    gradient: Gradient | None
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def learning_rate(self) -> Any:
        """Tensor; None when unknown."""
        return self.arguments.get("lr", self.arguments.get("alpha"))


@dataclass(frozen=True, slots=True)
class Application:
    """One call of `apply_gradients`.

    Attributes:
        scope: Of the optimizer: "Adam".
        updates: Of its variables.
        loss: Scalar that the gradients are of, without its scale; None when it cannot be told.
        loss_scale: What the loss was multiplied by before the gradients were taken; None where it was not.
        gradients_scope: Of `tf.gradients`: "gradients/"; None where there are several, or it cannot be told.
    """

    scope: str
    updates: tuple[Update, ...]
    loss: Any
    loss_scale: Any
    gradients_scope: str | None

    @property
    def operations(self) -> frozenset[Any]:
        """What moves its variables."""
        return frozenset(update.operation for update in self.updates)


def applications(graph: Any, trainable: Collection[str]) -> list[Application]:
    """Returns what optimizers do in a graph, in the order in which they were added.

    Args:
        graph: A tf.Graph.
        trainable: Names of variables that are trained: what is assigned to others is bookkeeping.
    """
    operations = graph.get_operations()
    scopes = frozenset(
        operation.name.removesuffix(_START) for operation in operations if operation.name.endswith(f"/{_START}")
    )
    found: dict[str, dict[Any, Update]] = {}
    for operation in operations:
        update = _update(operation, trainable, scopes)
        if update is not None:
            scope = _UPDATE.split(operation.name, maxsplit=1)[0]
            found.setdefault(scope, {})[update.variable] = update
    return [_application(graph, scope, tuple(updates.values()), scopes) for scope, updates in found.items()]


def made_by_gradients(operation: Any, scopes: frozenset[str]) -> str | None:
    """Returns the scope of `tf.gradients` that an operation is in; None when it is in none."""
    name = operation.name
    place = name.find("/")
    while place >= 0:
        if name[: place + 1] in scopes:
            return str(name[: place + 1])
        place = name.find("/", place + 1)
    return None


def _update(operation: Any, trainable: Collection[str], scopes: frozenset[str]) -> Update | None:
    applied = _APPLY.match(operation.type)
    if applied is None and (operation.type not in _ASSIGNING or not _UPDATE.search(operation.name)):
        return None
    variable = root(operation.inputs[0])
    if not is_variable(variable) or (applied is None and variable.name not in trainable):
        return None
    arguments = {
        argument.name: tensor
        for argument, tensor in zip(operation.op_def.input_arg, operation.inputs, strict=False)
        if applied is not None
    }
    rule = "" if applied is None else applied["rule"]
    given = arguments.get("grad", arguments.get("delta"))
    starts = list(operation.inputs)[1:] if given is None else [given]
    if "indices" in arguments:
        starts.append(arguments["indices"])
    gradient = _gradient(starts, variable, scopes)
    if gradient is None and given is not None:
        gradient = Gradient(origin(given), arguments.get("indices"))  # as it is applied, whatever was done to it
    return Update(operation, variable, rule, gradient, arguments)


def _gradient(starts: Sequence[Any], variable: Any, scopes: frozenset[str]) -> Gradient | None:
    """Walks from what is applied back to what `tf.gradients` made."""
    found: dict[str, Any] = {}
    between: list[Any] = []
    seen: set[Any] = set()
    waiting = list(starts)
    while waiting:
        tensor = waiting.pop()
        operation = tensor.op
        if made_by_gradients(operation, scopes) is not None:
            found[tensor.name] = tensor
        elif operation not in seen and operation.type not in _REDUCTIONS:
            seen.add(operation)
            between.append(operation)
            waiting += operation.inputs
    numbers = [tensor for tensor in found.values() if tensor.dtype.is_floating]
    places = [tensor for tensor in found.values() if tensor.dtype.is_integer and tensor.shape.rank == 1]
    if len(numbers) != 1:
        return None
    if not places:
        places = [  # the indices of a plain lookup are what was looked up, and no gradient
            operation.inputs[0] for operation in between if operation.type == "Unique"
        ]
    whole = not places and numbers[0].shape.is_compatible_with(shape_of(variable))
    if whole:
        return Gradient(numbers[0], None, tuple(between))
    return Gradient(numbers[0], places[0], tuple(between)) if places else None


def _application(graph: Any, scope: str, updates: tuple[Update, ...], scopes: frozenset[str]) -> Application:
    loss, scale, begun_in = None, None, None
    gradients = [update.gradient for update in updates if update.gradient is not None]
    begun = {made_by_gradients(gradient.values.op, scopes) for gradient in gradients} - {None}
    if len(begun) == 1:
        begun_in = str(begun.pop())
        loss = _differentiated(graph, begun_in)
    if loss is not None and loss.op.type == "Mul" and _unscaled(gradients):
        loss, scale = loss.op.inputs
    return Application(scope, updates, loss, scale, begun_in)


def _differentiated(graph: Any, scope: str) -> Any:
    """Returns the scalar that `tf.gradients` began with: what first passes its gradient on is named after it."""
    start = graph.get_operation_by_name(f"{scope}{_START}").outputs[0]
    for consumer in start.consumers():
        rest = consumer.name.removeprefix(scope)
        for match in re.finditer("_grad/", rest):
            try:
                loss = graph.get_tensor_by_name(f"{rest[: match.start()]}:0")
            except (KeyError, ValueError):
                continue
            if loss.shape.rank == 0 and loss.dtype.is_floating:
                return loss
    return None


def _unscaled(gradients: Sequence[Gradient]) -> bool:
    """Whether gradients are multiplied by one over something: by the scale of a loss in half precision."""
    return any(
        operation.type == "RealDiv" and operation.outputs[0].shape.rank == 0 and constant(operation.inputs[0]) == 1
        for gradient in gradients
        for operation in gradient.clipping
    )
