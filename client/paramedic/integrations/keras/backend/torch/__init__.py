"""Keras on torch: the train step and the probes run as they are called."""

from collections.abc import Sequence
from typing import Any

from paramedic.integrations.keras.backend.shared import probe_model
from paramedic.integrations.keras.backend.torch import calculus
from paramedic.integrations.keras.backend.torch.harmless import harmless
from paramedic.integrations.keras.backend.torch.recorder import Recorder

__all__ = ["DATA_ENDED", "ProbedModel", "Recorder", "harmless", "replicas"]

DATA_ENDED = (StopIteration,)


class ProbedModel(probe_model.ProbedModel):
    """What is measured of a model; its methods compute."""

    def __init__(self, model: Any, variables: Sequence[Any]) -> None:
        """Looks for what can be measured; see `probe_model.ProbedModel`."""
        super().__init__(model, variables, calculus)


def replicas(_model: Any) -> int:
    """Returns over how many replicas a model is trained: Keras knows of one."""
    return 1
