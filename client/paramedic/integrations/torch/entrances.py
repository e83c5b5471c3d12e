"""Where a forward pass enters a model."""

from typing import Any

from torch import nn

from paramedic.describe.torch import is_compiled


def entrances(model: Any) -> list[Any]:
    """Returns the modules whose calls begin a forward pass: the model, or its parts where only those are called.

    Args:
        model: A torch.nn.Module.
    """
    parts = [entrance for child in model.children() for entrance in entrances(child)]
    if is_compiled(model) or not parts:
        return [model]
    if hasattr(model, "training_step"):  # Lightning's, which may call its parts or itself
        return [model, *parts]
    return parts if type(model).forward is nn.Module.forward else [model]


def redirected(module: Any) -> bool:
    """Whether a module that is called now is one of Lightning's whose call stands for that of its `training_step`.

    Under strategies such as DistributedDataParallel it does, and is given the whole batch, targets included; the calls
    that are given the inputs follow from within.
    """
    return getattr(vars(module).get("forward"), "__name__", None) == "wrapped_forward"
