"""What a run reports, in the words in which rules declare what they need."""

from paramedic_service.rules.description import ArrayProfile, Description
from paramedic_service.rules.telemetry import ACCURACIES, ACCURACY, GRADIENT_PATH, VALIDATION_ACCURACY, Rows

REPORTS = "reports"
ELEMENT_COUNTS = "element counts"
TWO_KERNELS = "two kernels"
MODEL = "model"
OPTIMIZER = "optimizer"
CLIPPING = "clipping"
LOSS_CONFIG = "loss config"
TRAINING = "training config"
DATA = "data profile"
INPUT_STATISTICS = "input statistics"
TARGET_STATISTICS = "target statistics"
PACE = "times of other ranks"
REPLICAS = "weight norms of other replicas"

_VALIDATED = frozenset(f"val_{name}" for name in ACCURACIES)


def signals(batch: Rows) -> set[str]:
    """Names of the signals in a batch of rows; the accuracy counts as such by whatever name it is reported."""
    seen = {REPORTS, *batch.scalars, *batch.blocks, *batch.layers}
    if batch.paths:
        seen.add(GRADIENT_PATH)
    if not seen.isdisjoint(ACCURACIES):
        seen.add(ACCURACY)
    if not seen.isdisjoint(_VALIDATED):
        seen.add(VALIDATION_ACCURACY)
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
        CLIPPING: description.optimizer is not None and description.optimizer.clips,
        LOSS_CONFIG: bool(description.losses),
        TRAINING: description.training is not None,
        DATA: data is not None,
        INPUT_STATISTICS: data is not None and _examined(data.inputs),
        TARGET_STATISTICS: data is not None and _examined(data.targets),
    }
    return {fact for fact, known in told.items() if known}


def _examined(arrays: tuple[ArrayProfile, ...]) -> bool:
    return any(array.examined for array in arrays)
