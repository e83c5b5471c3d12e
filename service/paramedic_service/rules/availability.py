"""What a run reports, in the words in which rules declare what they need."""

from paramedic_service.rules.description import ArrayProfile, Description
from paramedic_service.rules.telemetry import GRADIENT_PATH, Rows

REPORTS = "reports"
ELEMENT_COUNTS = "element counts"
TWO_KERNELS = "two kernels"
MODEL = "model"
OPTIMIZER = "optimizer"
LOSS_CONFIG = "loss config"
TRAINING = "training config"
DATA = "data profile"
INPUT_STATISTICS = "input statistics"
TARGET_STATISTICS = "target statistics"


def signals(batch: Rows) -> set[str]:
    """Names of the signals in a batch of rows."""
    seen = {REPORTS, *batch.scalars, *batch.blocks, *batch.layers}
    if batch.paths:
        seen.add(GRADIENT_PATH)
    return seen


def facts(description: Description) -> set[str]:
    """What a description tells."""
    kernels = [tensor for tensor in description.tensors if tensor.role == "kernel"]
    data = description.data
    told = {
        ELEMENT_COUNTS: any(tensor.element_count for tensor in description.tensors),
        TWO_KERNELS: len(kernels) > 1 and bool(kernels[0].element_count and kernels[-1].element_count),
        MODEL: description.model is not None and bool(description.model.layers),
        OPTIMIZER: description.optimizer is not None,
        LOSS_CONFIG: bool(description.losses),
        TRAINING: description.training is not None,
        DATA: data is not None,
        INPUT_STATISTICS: data is not None and _examined(data.inputs),
        TARGET_STATISTICS: data is not None and _examined(data.targets),
    }
    return {fact for fact, known in told.items() if known}


def _examined(arrays: tuple[ArrayProfile, ...]) -> bool:
    return any(array.examined for array in arrays)
