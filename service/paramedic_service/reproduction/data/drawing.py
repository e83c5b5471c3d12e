"""Samples from wherever a specification says."""

from pathlib import Path

import numpy as np

from paramedic.v1.reproduction_pb2 import DataSource
from paramedic_service.reproduction.data.assumed import assumed
from paramedic_service.reproduction.data.bundled import bundled
from paramedic_service.reproduction.data.samples import DataError, Samples
from paramedic_service.reproduction.data.shared import read_shared
from paramedic_service.reproduction.data.synthesis import synthesise
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.rules.description import Description


def draw(
    source: DataSource, description: Description, seed: int, limits: Limits, shared: Path | None = None
) -> Samples:
    """Returns samples, the same ones for the same arguments.

    Args:
        source: Where they come from.
        description: The training as reported: profile of the data, and the model that reads it.
        seed: Of everything that is random.
        limits: Bounds on samples and memory.
        shared: File with the sample that the run's author shared; None when there is none.

    Raises:
        DataError: The description has neither a profile to make samples from nor a model that tells as much, there is
            no data set of that name, nothing was shared, or the samples would not fit into the limits.
    """
    generator = np.random.default_rng(seed)
    match source.WhichOneof("source"):
        case "bundled":
            return bundled(source.bundled, description, generator, limits)
        case "shared":
            if shared is None:
                raise DataError("data.shared: this run's author shared no sample; call run.share_sample(x, y) in it")
            return read_shared(shared, generator, limits)
        case _:
            data = description.data
            if data is None or not data.inputs or not data.targets:
                data = assumed(description)
            return synthesise(data, description.model, source.synthesis.samples, generator, limits)
