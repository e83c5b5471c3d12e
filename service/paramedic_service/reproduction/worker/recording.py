"""What a registered workload reports, on its way to the rules."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from paramedic.v1.description_pb2 import RunDescription
from paramedic_service.reproduction.worker.folding import Folding
from paramedic_service.reproduction.workloads import Path
from paramedic_service.rules import telemetry
from paramedic_service.rules.telemetry import Rows


class WorkloadRecorder:
    """Takes what a workload's training reports, one step at a time.

    Args:
        folding: Judges it.
        advance: Told how many steps were trained since it was told last.
    """

    def __init__(self, folding: Folding, advance: Callable[[int], None]) -> None:
        self._folding = folding
        self._advance = advance
        self._step = 0

    def describe(self, description: RunDescription) -> None:
        """Tells what is trained and how."""
        self._folding.describe(description)

    def log(
        self,
        step: int,
        scalars: Mapping[str, float],
        tensors: Mapping[str, npt.ArrayLike] | None = None,
        layers: Mapping[str, npt.ArrayLike] | None = None,
        paths: Mapping[str, Path] | None = None,
    ) -> None:
        """Reports one step; `paramedic_service.reproduction.workloads.Recorder` says how.

        Raises:
            ValueError: The step is smaller than the one before it, or values have the wrong number of axes.
        """
        if step < self._step:
            raise ValueError(f"step {step} was reported after step {self._step}: steps never decrease")
        self._folding.observe(
            Rows(
                np.array([step], np.int64),
                np.array([step], np.float64),
                {name: telemetry.Column(np.array([value], np.float64)) for name, value in scalars.items()},
                _blocks(tensors),
                _blocks(layers),
                {
                    layer: telemetry.Path(np.array(places, np.int64), _row(norms, layer))
                    for layer, (places, norms) in (paths or {}).items()
                },
            )
        )
        self._advance(step - self._step)
        self._step = step

    def score(self, error: float) -> None:
        """Tells the error on held-out samples once the training ended."""
        self._folding.score(error)


def _blocks(signals: Mapping[str, npt.ArrayLike] | None) -> dict[str, telemetry.Block]:
    return {name: telemetry.Block(_row(values, name)) for name, values in (signals or {}).items()}


def _row(values: npt.ArrayLike, name: str) -> telemetry.Floats:
    row = np.asarray(values, np.float32)
    if row.ndim != 1:
        raise ValueError(f"{name}: expected one axis of values, got the shape {row.shape}")
    return row[None]
