"""Specifications that mean harm, or cannot be meant: each with the field that a refusal has to name."""

from support.hostile import code, counts, data, graphs, names, patches, sizes, trainings, values
from support.hostile.case import Hostile

_GROUPS = (
    code.code, names.names, values.settings, values.nesting, sizes.sizes, sizes.overflows, graphs.graphs,
    trainings.optimizers, trainings.losses, trainings.trainings, data.profiles, data.sources, patches.patches,
    patches.growth, counts.counts, counts.workloads, counts.bombs,
)  # fmt: skip


def cases() -> list[Hostile]:
    """All of them, each with an id of its own."""
    found = [each for group in _GROUPS for each in group()]
    ids = [each.id for each in found]
    assert len(set(ids)) == len(ids), sorted(each for each in ids if ids.count(each) > 1)
    return found
