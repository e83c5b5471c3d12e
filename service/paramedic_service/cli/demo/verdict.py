"""What the demo's trainings should be found to suffer from, and whether they were."""

from collections.abc import Mapping
from dataclasses import dataclass

from paramedic_service.incidents.catalogue import CAUSES

_EXPLODING = (
    "exploding_gradient",
    "exploding_gradient_relative",
    "growing_gradient",
    "gradient_spike",
    "nonfinite_gradient",
)


OF_THE_MACHINE = frozenset({"slow_first_step", "slow_steps"})
"""Rules that see how busy the machine is, which says nothing of a training."""


def _explained_by(*causes: str) -> tuple[str, ...]:
    """Rules that these causes set off."""
    return tuple(sorted({rule for cause in CAUSES if cause.id in causes for rule in cause.explains}))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What should be found in one training.

    Attributes:
        training: Name of the training, as `python -m paramedic.demo` knows it.
        fault: For people.
        any_of: Rules of which at least one must be found; none: the training is healthy.
        consequences: Rules that may be found as well: the same fault, seen from elsewhere.
    """

    training: str
    fault: str
    any_of: tuple[str, ...] = ()
    consequences: tuple[str, ...] = ()


EXPECTATIONS = (
    Expectation("healthy", fault="nothing"),
    Expectation(
        "exploding",
        fault="exploding gradients",
        any_of=_EXPLODING,
        consequences=_explained_by("exploding_gradients", "learning_rate_too_high"),
    ),
    Expectation(
        "vanishing",
        fault="vanishing gradients",
        any_of=("vanishing_gradient",),
        consequences=("too_deep", *_explained_by("vanishing_gradients", "vanishing_through_time")),
    ),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one training, held against what was expected.

    Attributes:
        found: Step at which each rule's finding first opened, by rule.
        missing: The expected rules, when none of them was found.
        surplus: Rules that were found and explain nothing.
        found_at: First step at which an expected rule's finding opened; None when none did.
    """

    found: Mapping[str, int]
    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    found_at: int | None

    @property
    def as_expected(self) -> bool:
        """Whether nothing is missing and nothing is surplus."""
        return not self.missing and not self.surplus


def judge(expectation: Expectation, found: Mapping[str, int]) -> Verdict:
    """Holds what was found in a training against what was expected.

    Args:
        expectation: Of the training.
        found: Step at which each rule's finding first opened, by rule.
    """
    steps = [found[rule] for rule in expectation.any_of if rule in found]
    known = {*expectation.any_of, *expectation.consequences, *OF_THE_MACHINE}
    return Verdict(
        found=found,
        missing=() if steps else expectation.any_of,
        surplus=tuple(sorted(found.keys() - known)),
        found_at=min(steps, default=None),
    )
