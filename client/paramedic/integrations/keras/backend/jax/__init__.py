"""Keras on JAX: the train step is a pure function, which is compiled, and so are the probes."""

from collections.abc import Sequence
from typing import Any

from paramedic.integrations.keras.backend.jax import calculus
from paramedic.integrations.keras.backend.jax.calculus import harmless
from paramedic.integrations.keras.backend.jax.recorder import Recorder
from paramedic.integrations.keras.backend.shared import probe_model

__all__ = ["DATA_ENDED", "ProbedModel", "Recorder", "harmless", "replicas"]

DATA_ENDED = (StopIteration,)


class ProbedModel(probe_model.ProbedModel):
    """What is measured of a model; its methods are traced."""

    def __init__(self, model: Any, variables: Sequence[Any]) -> None:
        """Looks for what can be measured; see `probe_model.ProbedModel`."""
        super().__init__(model, variables, calculus)


def replicas(model: Any) -> int:
    """Returns over how many replicas a model is trained: one, as a step over several devices is one program."""
    del model
    return 1
