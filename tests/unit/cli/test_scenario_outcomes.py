"""The table of scenarios holds what came of each against its claim."""

from paramedic.v1 import verdict_pb2 as v
from paramedic.v1.reproduction_pb2 import Reproduction
from paramedic_service.cli.reproduce.scenarios import Outcome
from paramedic_service.reproduction.scenarios import SCENARIOS


def outcome(name: str, kind: v.VerdictKind.ValueType, *arms: v.ArmVerdict, remedies: tuple[int, ...] = ()) -> Outcome:
    reported = v.ArmVerdict(name="as reported", fired=3, seeds=3)
    verdict = v.ReproductionVerdict(kind=kind, arms=[reported, *arms], remedies=remedies)
    return Outcome(SCENARIOS[name].message(), Reproduction(verdict=verdict))


def test_a_remedy_is_told_with_its_figures() -> None:
    fixed = v.ArmVerdict(
        arm=1, name="batches of 32", kind=v.ARM_VERDICT_KIND_FIXED, improvement=0.651, measure="final loss"
    )
    told = outcome("batch-size-too-small", v.VERDICT_KIND_REMEDY_FOUND, fixed, remedies=(1,))
    assert told.told == "remedy found, 3 of 3 seeds; batches of 32: fixed, final loss -65%"
    assert (told.as_claimed, told.standing) == (True, "as claimed")


def test_what_comes_as_claimed_but_for_a_part_says_so() -> None:
    fixed = v.ArmVerdict(arm=1, name="learning rate 0.001", kind=v.ARM_VERDICT_KIND_FIXED)
    told = outcome("learning-rate-10", v.VERDICT_KIND_REMEDY_FOUND, fixed, remedies=(1,))
    assert told.as_claimed
    assert told.standing.startswith("as claimed, but: The loss explodes from 0.7")


def test_what_is_known_not_to_hold_is_told_with_the_reason() -> None:
    worse = v.ArmVerdict(
        arm=1, name="batches of 32", kind=v.ARM_VERDICT_KIND_NO_BETTER, improvement=-0.5, measure="final loss"
    )
    told = outcome("batch-size-too-large", v.VERDICT_KIND_NO_REMEDY_WORKED, worse)
    assert told.told == "no remedy worked, 3 of 3 seeds; batches of 32: no better, final loss +50%"
    assert (told.as_claimed, told.as_known) == (False, True)
    assert told.standing.startswith("not as claimed: At the same number of steps")


def test_what_nobody_expected_stands_out() -> None:
    told = outcome("batch-size-too-small", v.VERDICT_KIND_NOT_REPRODUCED)
    assert (told.as_claimed, told.as_known, told.standing) == (False, False, "not as claimed")


def test_what_did_not_end_says_why() -> None:
    told = Outcome(SCENARIOS["adam-plateau"].message(), Reproduction(error="memory ran out"))
    assert (told.told, told.as_known) == ("memory ran out", False)
