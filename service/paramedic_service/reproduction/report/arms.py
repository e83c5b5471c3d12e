"""The arms of a reproduction with everything the page says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.reproduction_pb2 import Arm, Reproduction, TrainingOutcome
from paramedic.v1.verdict_pb2 import ARM_VERDICT_KIND_FIXED, ArmVerdict
from paramedic_service.reproduction.verdict import REPORTED, is_of_the_fault


@dataclass(frozen=True, slots=True)
class Told:
    """One arm.

    Attributes:
        index: Among the spec's.
        arm: As in the spec.
        verdict: Empty where there is none.
        trainings: One a seed, in the order of seeds.
        fault: Findings of the fault, the first to open first.
    """

    index: int
    arm: Arm
    verdict: ArmVerdict
    trainings: Sequence[TrainingOutcome]
    fault: Sequence[Finding]

    @property
    def fixed(self) -> bool:
        """Whether it is a remedy that works."""
        return self.verdict.kind == ARM_VERDICT_KIND_FIXED

    @property
    def style(self) -> str:
        """Class of its lines."""
        return "faulty" if self.index == 0 else "fixing" if self.fixed else "other"


def arms_of(reproduction: Reproduction) -> list[Told]:
    """The arms of a reproduction, in the order of its spec."""
    spec = reproduction.spec
    verdicts = {verdict.arm: verdict for verdict in reproduction.verdict.arms}
    told = []
    for index, arm in enumerate(spec.arms or [Arm(name=REPORTED)]):
        trainings = sorted((each for each in reproduction.trainings if each.arm == index), key=lambda each: each.seed)
        fault = [finding for each in trainings for finding in each.findings if is_of_the_fault(spec, finding)]
        fault.sort(key=lambda finding: finding.opened_step)
        told.append(Told(index, arm, verdicts.get(index, ArmVerdict()), trainings, fault))
    return told
