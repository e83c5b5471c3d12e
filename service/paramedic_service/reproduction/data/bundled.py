"""Data sets that come with the service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from paramedic_service.reproduction.data.samples import Samples


@dataclass(frozen=True, slots=True)
class Bundled:
    """A data set with a name.

    Attributes:
        summary: One sentence.
        make: Makes it from the generator of a seed.
    """

    summary: str
    make: Callable[[np.random.Generator], Samples]


BUNDLED: Mapping[str, Bundled] = {}
"""By name."""
