"""What the demo's trainings should be found to suffer from, and whether they were."""

from collections.abc import Mapping
from dataclasses import dataclass

_EXPLODING = (
    "exploding_gradient",
    "exploding_gradient_relative",
    "growing_gradient",
    "gradient_spike",
    "nonfinite_gradient",
)


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
        # An LSTM thrown this far saturates: its own kernels then get no gradient at all.
        consequences=("nonfinite_loss", "divergence", "loss_spike", "dead_tensor", "layer_imbalance"),
    ),
    Expectation(
        "vanishing",
        fault="vanishing gradients",
        any_of=("vanishing_gradient",),
        consequences=("layer_imbalance", "loss_not_decreasing", "loss_plateau"),
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
    known = {*expectation.any_of, *expectation.consequences}
    return Verdict(
        found=found,
        missing=() if steps else expectation.any_of,
        surplus=tuple(sorted(found.keys() - known)),
        found_at=min(steps, default=None),
    )
