"""Reading a graph of TensorFlow 1: what an operation depends on, which variable stands behind a tensor."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp", "AutoReloadVariable"})
# Operations that hand on what they are given, or its value in another place or type.
_HANDING_ON = frozenset(
    {
        "Identity",
        "ReadVariableOp",
        "Enter",
        "RefEnter",
        "Switch",
        "RefSwitch",
        "RefIdentity",
        "Cast",
        "StopGradient",
        "PreventGradient",
        "CheckNumerics",
    }
)


def ancestors(operations: Iterable[Any], *, control: bool = True, within: frozenset[Any] | None = None) -> set[Any]:
    """Returns operations and all that must run for them.

    Args:
        operations: To begin with.
        control: Whether to follow control dependencies as well.
        within: Operations beyond which not to go; None: the whole graph.
    """
    found: set[Any] = set()
    waiting = list(operations)
    while waiting:
        operation = waiting.pop()
        if operation in found or (within is not None and operation not in within):
            continue
        found.add(operation)
        waiting += [tensor.op for tensor in operation.inputs]
        if control:
            waiting += operation.control_inputs
    return found


def root(tensor: Any) -> Any:
    """Returns the operation that a tensor's value comes from, past those that only hand it on."""
    operation = tensor.op
    while operation.type in _HANDING_ON:
        operation = operation.inputs[0].op
    return operation


def origin(tensor: Any) -> Any:
    """Returns the tensor that a value comes from, past operations that only hand it on."""
    while tensor.op.type in _HANDING_ON and tensor.op.inputs:
        tensor = tensor.op.inputs[0]
    return tensor


def is_variable(operation: Any) -> bool:
    """Whether an operation is a variable, of either kind."""
    return operation.type in VARIABLES


def shape_of(variable: Any) -> list[int]:
    """Returns the shape of a variable; empty where it is not fully known."""
    shape = tf.TensorShape(variable.get_attr("shape"))
    return [int(size) for size in shape.as_list()] if shape.is_fully_defined() else []


def dimensions(tensor: Any) -> list[int]:
    """Returns the shape of a tensor, -1 for what is unknown; empty where not even the rank is known."""
    if tensor.shape.rank is None:
        return []
    return [-1 if size is None else int(size) for size in tensor.shape.as_list()]


def constant(tensor: Any) -> float | None:
    """Returns the value of a scalar that is the same in every run; None for others."""
    value = tf.get_static_value(tensor)
    return float(value) if value is not None and value.size == 1 else None


def loop_of(operation: Any) -> Any:
    """Returns the outermost loop that an operation is in: a WhileContext; None when it is in none."""
    context, found = operation._get_control_flow_context(), None
    while context is not None:
        if context.IsWhileContext():
            found = context
        context = context.outer_context
    return found


def scope_of(name: str) -> str:
    """Returns the scope that a name is in; empty for the outermost."""
    return name.rpartition("/")[0]
