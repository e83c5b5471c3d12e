"""What a hostile specification is, and ways to make one from a harmless one."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paramedic.v1.description_pb2 import LayerConfig
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from support.specs import arm, model, spec

Change = Callable[[ReproductionSpec], None]

CODE = "__import__('os').system('touch /tmp/pwned')"
MARSHALLED = "4wEAAAAAAAAAAAAAAAEAAAACAAAAQwAAAHMIAAAAfABkARQAUwApAk7pAgAAAKkA"
FIRST, SECOND = "description.model.layers[0]", "description.model.layers[1]"
NAN, INF = math.nan, math.inf


@dataclass(frozen=True, slots=True)
class Hostile:
    """A hostile specification.

    Attributes:
        id: What is hostile about it.
        field: The field that the refusal has to name.
        make: Makes it.
    """

    id: str
    field: str
    make: Callable[[], ReproductionSpec]


def altered(what: str, field: str, change: Change) -> Hostile:
    def make() -> ReproductionSpec:
        message = spec()
        change(message)
        return message

    return Hostile(what, field, make)


def modelled(what: str, field: str, *layers: LayerConfig, shape: tuple[int, ...] = (10, 3)) -> Hostile:
    copies = [LayerConfig.FromString(each.SerializeToString()) for each in layers]
    return Hostile(what, field, lambda: spec(model(*(_copy(each) for each in copies), shape=shape)))


def _copy(config: LayerConfig) -> LayerConfig:
    return LayerConfig.FromString(config.SerializeToString())


def patched(what: str, patch: Mapping[str, Any], field: str = "arms[1].patch") -> Hostile:
    return Hostile(what, field, lambda: spec(None, arm(patch)))


def armed(*arms: Arm, steps: int = 50, seeds: int = 2) -> ReproductionSpec:
    message = spec()
    message.arms.extend(arms)
    message.steps, message.seeds = steps, seeds
    return message
