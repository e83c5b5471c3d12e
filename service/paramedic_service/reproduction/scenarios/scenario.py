"""What a scenario is: a training that can be reproduced by name, with what its source claims of it."""

from collections.abc import Callable
from dataclasses import dataclass

from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic.v1.reproduction_pb2 import Scenario as Message
from paramedic.v1.verdict_pb2 import (
    VERDICT_KIND_NO_REMEDY_WORKED,
    VERDICT_KIND_NOT_REPRODUCED,
    VERDICT_KIND_REMEDY_FOUND,
    ReproductionVerdict,
    VerdictKind,
)


@dataclass(frozen=True, slots=True)
class Expectation:
    """How a reproduction ends.

    Attributes:
        kind: Of the verdict.
        remedies: Names of the arms that fix the fault, in any order.
    """

    kind: VerdictKind.ValueType
    remedies: frozenset[str] = frozenset()

    def met_by(self, verdict: ReproductionVerdict) -> bool:
        """Whether a verdict is of this kind, with these remedies among those that work."""
        return verdict.kind == self.kind and self.remedies <= fixing(verdict)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A training that can be reproduced by name.

    Attributes:
        name: In kebab-case.
        summary: One sentence: what is wrong, and what should help.
        claim: What its source says, in our words, with the source.
        make: Makes what is to be trained; its first arm is the training with the fault.
        expected: What the claim comes to, were it so.
        measured: What comes of it instead; None where it is as claimed.
        differs: What does not come as claimed, why, and what was measured instead; empty where all of it does.
        unavailable: Says why it cannot run here; empty when it can.
    """

    name: str
    summary: str
    claim: str
    make: Callable[[], ReproductionSpec]
    expected: Expectation
    measured: Expectation | None = None
    differs: str = ""
    unavailable: Callable[[], str] = lambda: ""

    @property
    def outcome(self) -> Expectation:
        """How its reproduction ends when it is run."""
        return self.measured or self.expected

    def message(self) -> Message:
        """As clients see it."""
        return Message(
            name=self.name,
            summary=self.summary,
            arms=self.make().arms,
            claim=self.claim,
            unavailable=self.unavailable(),
        )


def fixed_by(*arms: str) -> Expectation:
    """The fault comes back, and these arms remove it."""
    return Expectation(VERDICT_KIND_REMEDY_FOUND, frozenset(arms))


def not_reproduced() -> Expectation:
    """There is no fault to be found."""
    return Expectation(VERDICT_KIND_NOT_REPRODUCED)


def no_remedy() -> Expectation:
    """The fault comes back, and nothing removes it."""
    return Expectation(VERDICT_KIND_NO_REMEDY_WORKED)


def fixing(verdict: ReproductionVerdict) -> frozenset[str]:
    """Names of the arms that fixed the fault."""
    names = {arm.arm: arm.name for arm in verdict.arms}
    return frozenset(names[index] for index in verdict.remedies)
