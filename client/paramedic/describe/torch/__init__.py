"""Torch models, optimizers, losses and first batches in neutral terms."""

from paramedic.describe.torch.description import describe
from paramedic.describe.torch.forward import Call, Entry, Forward, Layers, named_leaves
from paramedic.describe.torch.kinds import CELLS, RECURRENT, is_compiled
from paramedic.describe.torch.losses import FoundLoss, found_losses, named_loss
from paramedic.describe.torch.model import layers_of, model_config, unwrapped
from paramedic.describe.torch.operations import STATE, operation
from paramedic.describe.torch.optimizers import optimizer_config
from paramedic.describe.torch.seen import Seen
from paramedic.describe.torch.tensors import tensor_table

__all__ = [
    "CELLS",
    "RECURRENT",
    "STATE",
    "Call",
    "Entry",
    "Forward",
    "FoundLoss",
    "Layers",
    "Seen",
    "describe",
    "found_losses",
    "is_compiled",
    "layers_of",
    "model_config",
    "named_leaves",
    "named_loss",
    "operation",
    "optimizer_config",
    "tensor_table",
    "unwrapped",
]
