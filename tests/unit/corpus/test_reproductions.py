"""What is kept of reproductions, and what the table of them says."""

from pathlib import Path

import pytest

from corpus.judged import Label
from corpus.reproduce import missing
from corpus.reproduced import Kept, Trained, Training, code_version, key
from corpus.reproductions_table import Reproduced, tables
from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec, TrainingOutcome
from paramedic_service.reproduction.patches import write_patch
from paramedic_service.reproduction.verdict import judge

HOT = Training(0, ("divergence",), 8.0, 0.5)
HOT_AGAIN = Training(1, ("divergence",), 7.0, 0.5)
COOL = Training(0, (), 1.0, 0.1)


def a_spec(*rates: float, steps: int = 100) -> ReproductionSpec:
    """The training as reported, and an arm for each rate."""
    arms = [Arm(name="as reported")]
    arms += [Arm(name=f"{rate}", patch=write_patch({"optimizer.learning_rate": {"set": rate}})) for rate in rates]
    return ReproductionSpec(steps=steps, seeds=2, rules=["divergence"], arms=arms)


def a_label(fault: str = "learning_rate_high", split: str = "tuning") -> Label:
    return Label(f"digits.{fault}.0", "digits", "mlp", split, fault, ("learning_rate_too_high",), 0, 100, 10)


def test_what_is_kept_of_a_training_is_judged_as_the_training_itself() -> None:
    spec = a_spec(0.1)
    outcomes = [
        TrainingOutcome(arm=0, seed=seed, final_loss=float("inf"), findings=[Finding(rule="divergence")])
        for seed in range(2)
    ]
    outcomes += [TrainingOutcome(arm=1, seed=seed, final_loss=0.5 + seed / 10, final_error=0.1) for seed in range(2)]
    kept = [Training.of(outcome).outcome(outcome.arm) for outcome in outcomes]
    assert judge(spec, kept) == judge(spec, outcomes)
    assert judge(spec, kept).remedies == [1]


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    failed = Training(1, ("nonfinite_loss", "training_error"), None, None, "ValueError: shapes")
    Kept(file).keep("one", ["a", "b"], {"a": Trained("now", (HOT, failed)), "b": Trained("now", (COOL,))})
    Kept(file).keep("two", ["a"], {"a": Trained("now", (COOL,))})
    Kept(file).keep("one", ["b", "c"], {"c": Trained("later", (COOL,))})
    assert Kept(file).of("one") == {"b": Trained("now", (COOL,)), "c": Trained("later", (COOL,))}
    assert Kept(file).of("two") == {"a": Trained("now", (COOL,))}
    assert Kept(file).of("three") == {}


def test_an_arm_is_the_same_wherever_it_stands_and_another_when_it_trains_otherwise() -> None:
    few, many = a_spec(0.1), a_spec(0.2, 0.1)
    assert key(few, few.arms[1]) == key(many, many.arms[2])
    assert key(few, few.arms[1]) != key(few, few.arms[0])
    assert key(few, few.arms[1]) != key(a_spec(0.1, steps=200), few.arms[1])


def test_only_arms_that_were_not_trained_by_the_code_as_it_is_are_trained_behind_the_one_as_reported() -> None:
    spec = a_spec(0.1, 0.2)
    names = [key(spec, arm) for arm in spec.arms]
    now = code_version()
    known = {names[0]: Trained(now, ()), names[1]: Trained("older", ()), names[2]: Trained(now, ())}
    found = missing(spec, known, stale=False)
    assert found is not None
    assert [arm.name for arm in found.arms] == ["as reported", "0.1"]
    assert missing(spec, known, stale=True) is None
    assert missing(spec, {}, stale=True) == spec


@pytest.mark.parametrize(
    ("run", "share"),
    [
        (Reproduced(a_label(), unfound="nothing is wrong with it"), "0.00"),
        (Reproduced(a_label(), verdict=judge(a_spec(), [HOT.outcome(0)])), "0.00"),
        (Reproduced(a_label(), verdict=judge(a_spec(), [HOT.outcome(0), HOT_AGAIN.outcome(0)])), "1.00"),
    ],
)  # fmt: skip
def test_a_run_counts_as_reproduced_only_when_its_fault_came_back(run: Reproduced, share: str) -> None:
    assert f"| tuning | 1 | {share} [" in tables([run])


def test_runs_that_declare_nothing_to_train_are_counted_apart_with_the_reason() -> None:
    told = tables([Reproduced(a_label(), undeclared="it ended before its model was known")])
    assert "1 faulty runs, of which 0 have a declarative configuration" in told
    assert "- 1 run: it ended before its model was known" in told
