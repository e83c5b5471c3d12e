"""Samples from wherever a specification says."""

from pathlib import Path

from paramedic.v1.reproduction_pb2 import DataSource
from paramedic_service.reproduction.data.samples import DataError, Samples
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.rules.description import Description


def draw(
    source: DataSource, description: Description, seed: int, limits: Limits, shared: Path | None = None
) -> Samples:
    """Returns samples, the same ones for the same arguments.

    Args:
        source: Where they come from.
        description: The training as reported: profile of the data, model, batch size.
        seed: Of everything that is random.
        limits: Bounds on samples and memory.
        shared: File with the sample that the run's author shared; None when there is none.

    Raises:
        DataError: The description has no profile to make samples from, there is no data set of that name, nothing was
            shared, or the samples would not fit into the limits.
    """
    raise DataError("data: making samples is being written")
