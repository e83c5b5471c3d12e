"""What an arm's patch does to samples."""

from collections.abc import Sequence

from paramedic_service.reproduction.data.samples import Samples
from paramedic_service.reproduction.plan.plans import DataOperation


def transform(samples: Samples, operations: Sequence[DataOperation]) -> Samples:
    """Returns the samples after operations, in their order; held-out samples are changed by the training's statistics.

    Raises:
        DataError: An operation makes no sense for these samples, or leaves none.
    """
    return samples
