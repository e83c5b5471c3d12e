"""The tensor table of a torch model."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from paramedic.describe.names import unique
from paramedic.describe.torch.forward import Entry, named_leaves
from paramedic.describe.torch.kinds import CELLS, RECURRENT
from paramedic.names import MAX_TENSOR_CHARACTERS
from paramedic.v1.description_pb2 import Tensor, TensorRole

_KERNELS = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.MultiheadAttention)
_NORMALISATIONS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def tensor_table(model: Any, parameters: Sequence[Any], layers: Sequence[Entry]) -> tuple[list[Any], list[Tensor]]:
    """Puts parameters in forward order and describes them.

    Args:
        model: The torch.nn.Module that is trained, unwrapped.
        parameters: Those that are trained.
        layers: In forward order.

    Returns:
        The parameters in forward order, those of no layer last, each once; and the table, one row each.
    """
    wanted = {id(parameter): parameter for parameter in parameters}
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    owners: dict[int, tuple[str, Any, str]] = {}
    factors: set[int] = set()
    for entry in layers:
        for name, parameter in [] if entry.module is None else entry.module.named_parameters():
            if _within(entry, name):
                owners.setdefault(id(parameter), (entry.name, entry.module, name))
                factors |= {id(parameter)} if entry.in_product else set()
    for path, module in named_leaves(model):  # what the first step did not call
        for name, parameter in module.named_parameters():
            owners.setdefault(id(parameter), (path, module, name))
    ordered = [wanted[key] for key in owners if key in wanted]
    rest = [wanted[key] for key in names if key in wanted and key not in owners]
    ordered += rest
    ordered += [parameter for key, parameter in wanted.items() if key not in owners and key not in names]
    given = [names.get(id(parameter), f"parameter {place}") for place, parameter in enumerate(ordered)]
    table = []
    for name, parameter in zip(unique(given, MAX_TENSOR_CHARACTERS), ordered, strict=True):
        layer, module, within = owners.get(id(parameter), ("", None, ""))
        table.append(
            Tensor(
                name=name,
                shape=list(parameter.shape),
                element_count=parameter.numel(),
                layer=layer,
                # Through a softmax queries and keys get next to no gradient at first: none to compare with others'.
                role=TensorRole.TENSOR_ROLE_UNSPECIFIED if id(parameter) in factors else _role(module, within),
            )
        )
    return ordered, table


def _within(entry: Entry, name: str) -> bool:
    """Whether a recurrent module's parameter belongs to one of the layers that it stacks."""
    if not isinstance(entry.module, RECURRENT) or entry.module.num_layers == 1:
        return True
    return name.endswith((f"_l{entry.level}", f"_l{entry.level}_reverse"))


def _role(module: Any, name: str) -> TensorRole.ValueType:
    last = name.rpartition(".")[2]
    if isinstance(module, (*RECURRENT, *CELLS)):
        if last.startswith("weight_ih"):
            return TensorRole.TENSOR_ROLE_KERNEL
        if last.startswith("weight_hh"):
            return TensorRole.TENSOR_ROLE_RECURRENT_KERNEL
    if last.startswith("bias") or last == "in_proj_bias":
        normalises = isinstance(module, _NORMALISATIONS)
        return TensorRole.TENSOR_ROLE_OFFSET if normalises else TensorRole.TENSOR_ROLE_BIAS
    if last.endswith("weight"):
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            return TensorRole.TENSOR_ROLE_EMBEDDING
        if isinstance(module, _NORMALISATIONS):
            return TensorRole.TENSOR_ROLE_SCALE
        if isinstance(module, _KERNELS):
            return TensorRole.TENSOR_ROLE_KERNEL
    return TensorRole.TENSOR_ROLE_UNSPECIFIED
