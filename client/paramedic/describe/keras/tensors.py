"""The tensor table of a Keras model."""

import math
from collections.abc import Sequence
from typing import Any

from paramedic.describe.keras.layers import walk
from paramedic.describe.names import unique
from paramedic.names import MAX_TENSOR_CHARACTERS
from paramedic.v1.description_pb2 import Tensor, TensorRole

_ROLES = {
    "kernel": TensorRole.TENSOR_ROLE_KERNEL,
    "depthwise_kernel": TensorRole.TENSOR_ROLE_KERNEL,
    "pointwise_kernel": TensorRole.TENSOR_ROLE_KERNEL,
    "recurrent_kernel": TensorRole.TENSOR_ROLE_RECURRENT_KERNEL,
    "bias": TensorRole.TENSOR_ROLE_BIAS,
    "embeddings": TensorRole.TENSOR_ROLE_EMBEDDING,
    "gamma": TensorRole.TENSOR_ROLE_SCALE,
    "scale": TensorRole.TENSOR_ROLE_SCALE,
    "beta": TensorRole.TENSOR_ROLE_OFFSET,
}


def tensor_table(model: Any, variables: Sequence[Any]) -> tuple[list[Any], list[Tensor]]:
    """Puts variables in forward order and describes them.

    Args:
        model: The keras.Model that is trained.
        variables: Its variables that are trained; those that no layer owns keep their order, after the others.

    Returns:
        The variables in forward order, and the table, one row each.
    """
    trained = {id(variable) for variable in variables}
    owners: dict[int, str] = {}
    ordered = []
    for path, layer in walk(model):
        for variable in layer.weights:
            if id(variable) in trained and id(variable) not in owners:
                owners[id(variable)] = path
                ordered.append(variable)
    ordered += [variable for variable in variables if id(variable) not in owners]
    names = unique([variable.path for variable in ordered], MAX_TENSOR_CHARACTERS)
    return ordered, [
        Tensor(
            name=name,
            shape=variable.shape,
            element_count=math.prod(variable.shape),
            layer=owners.get(id(variable), ""),
            role=_ROLES.get(variable.name, TensorRole.TENSOR_ROLE_UNSPECIFIED),
        )
        for name, variable in zip(names, ordered, strict=True)
    ]
