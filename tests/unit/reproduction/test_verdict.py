"""What trainings say of a fault and its remedies, at the edges of every rule of the verdict."""

import math
from collections.abc import Sequence

import pytest

from paramedic.v1 import verdict_pb2 as v
from paramedic.v1.description_pb2 import LossConfig, ModelConfig, OptimizerConfig, RunDescription
from paramedic.v1.finding_pb2 import SEVERITY_INFO, SEVERITY_WARNING, Finding
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec, TrainingOutcome
from paramedic_service.reproduction.intervals import mean_interval
from paramedic_service.reproduction.patches import read_patch, write_patch
from paramedic_service.reproduction.verdict import judge

FAULT, OTHER = "exploding_gradient", "nonfinite_loss"
LOWER_RATE = {"optimizer.learning_rate": {"multiply": 0.1}}
SOFTMAX = {"model.output": {"set": {"units": 3, "activation": "softmax"}}}


def spec(*patches: dict, seeds: int = 3, rules: Sequence[str] = (FAULT, OTHER)) -> ReproductionSpec:
    description = RunDescription(
        model=ModelConfig(), optimizer=OptimizerConfig(name="sgd", learning_rate=1.0), losses=[LossConfig(name="mse")]
    )
    dense = description.model.layers.add(name="dense", kind="Dense", activation="sigmoid", units=1)
    dense.output_shape.extend((-1, 1))
    arms = [Arm(name="as reported")]
    arms += [Arm(name=f"remedy {i}", text=f"Try {i}.", patch=write_patch(patch)) for i, patch in enumerate(patches, 1)]
    return ReproductionSpec(description=description, seeds=seeds, arms=arms, rules=rules)


def ended(
    arm: int, seed: int, loss: float = 1.0, *rules: str, error: str = "", wrong: float | None = None
) -> TrainingOutcome:
    findings = [Finding(rule=rule, severity=SEVERITY_WARNING, family="gradients") for rule in rules]
    return TrainingOutcome(arm=arm, seed=seed, final_loss=loss, findings=findings, error=error, final_error=wrong)


def arm(index: int, losses: Sequence[float], rules: Sequence[Sequence[str]] = ()) -> list[TrainingOutcome]:
    each = list(rules) or [()] * len(losses)
    return [ended(index, seed, loss, *fired) for seed, (loss, fired) in enumerate(zip(losses, each, strict=True))]


FAULTY = arm(0, [10.0, 12.0, 11.0], [[FAULT]] * 3)


def test_a_remedy_without_the_fault_and_with_a_lower_loss_is_found() -> None:
    verdict = judge(spec(LOWER_RATE), [*FAULTY, *arm(1, [5.0, 6.0, 5.0])])
    assert verdict.kind == v.VERDICT_KIND_REMEDY_FOUND
    assert list(verdict.remedies) == [1]
    first, remedy = verdict.arms
    assert (first.kind, first.fired, first.seeds) == (v.ARM_VERDICT_KIND_REPRODUCED, 3, 3)
    assert not first.HasField("improvement")
    assert (remedy.kind, remedy.fired, remedy.measure) == (v.ARM_VERDICT_KIND_FIXED, 0, "final loss")
    assert remedy.name == "remedy 1"
    assert remedy.text == "Try 1."
    assert 0 < remedy.improvement_low < remedy.improvement < remedy.improvement_high
    assert remedy.improvement == pytest.approx((0.5 + 0.5 + 6 / 11) / 3)
    assert "Try 1" in verdict.summary


@pytest.mark.parametrize(
    ("seeds", "fired", "came_back"),
    [(1, 1, True), (2, 2, True), (2, 1, False), (3, 2, True), (3, 1, False), (4, 3, True), (4, 2, False), (6, 4, True)],
)
def test_the_fault_has_to_come_back_on_two_thirds_of_the_seeds(seeds: int, fired: int, came_back: bool) -> None:
    rules = [[FAULT]] * fired + [[]] * (seeds - fired)
    verdict = judge(spec(seeds=seeds), arm(0, [1.0] * seeds, rules))
    kinds = (v.VERDICT_KIND_REPRODUCED, v.ARM_VERDICT_KIND_REPRODUCED)
    missed = (v.VERDICT_KIND_NOT_REPRODUCED, v.ARM_VERDICT_KIND_NOT_REPRODUCED)
    assert (verdict.kind, verdict.arms[0].kind) == (kinds if came_back else missed)
    assert verdict.arms[0].fired == fired


def test_two_rules_on_a_seed_each_are_no_majority_of_either() -> None:
    verdict = judge(spec(), arm(0, [1.0] * 3, [[FAULT], [OTHER], []]))
    assert verdict.kind == v.VERDICT_KIND_NOT_REPRODUCED
    assert verdict.arms[0].fired == 2


def test_other_rules_are_not_the_fault() -> None:
    verdict = judge(spec(), arm(0, [1.0] * 3, [["too_deep"]] * 3))
    assert verdict.kind == v.VERDICT_KIND_NOT_REPRODUCED


def test_without_rules_any_warning_is_the_fault_but_no_advice_and_nothing_of_the_machine() -> None:
    asked = spec(rules=())
    assert judge(asked, arm(0, [1.0] * 3, [["anything"]] * 3)).kind == v.VERDICT_KIND_REPRODUCED
    harmless = arm(0, [1.0] * 3)
    for outcome in harmless:
        outcome.findings.add(rule="loss_plateau", severity=SEVERITY_INFO, family="loss")
        outcome.findings.add(rule="restarted_earlier", severity=SEVERITY_WARNING, family="run")
    assert judge(asked, harmless).kind == v.VERDICT_KIND_NOT_REPRODUCED


def test_a_seed_that_never_ended_counts_against_a_majority() -> None:
    outcomes = arm(0, [1.0] * 3, [[FAULT]] * 3)
    assert judge(spec(), outcomes[:2]).kind == v.VERDICT_KIND_REPRODUCED
    assert judge(spec(), outcomes[:1]).kind == v.VERDICT_KIND_NOT_REPRODUCED


def test_the_fault_on_one_seed_is_enough_to_refuse_a_remedy() -> None:
    verdict = judge(spec(LOWER_RATE), [*FAULTY, *arm(1, [1.0] * 3, [[], [], [OTHER]])])
    assert verdict.kind == v.VERDICT_KIND_NO_REMEDY_WORKED
    remedy = verdict.arms[1]
    assert (remedy.kind, remedy.fired) == (v.ARM_VERDICT_KIND_NOT_FIXED, 1)
    assert OTHER in remedy.summary


@pytest.mark.parametrize(
    ("losses", "kind"),
    [
        ([9.49, 11.39, 10.43], v.ARM_VERDICT_KIND_FIXED),  # a little more than 5% lower on each seed
        ([9.6, 11.5, 10.5], v.ARM_VERDICT_KIND_NO_BETTER),  # less
        ([10.0, 12.0, 11.0], v.ARM_VERDICT_KIND_NO_BETTER),  # a tie
        ([2.0, 12.5, 10.9], v.ARM_VERDICT_KIND_NO_BETTER),  # much better on one seed: chance
        ([20.0, 24.0, 22.0], v.ARM_VERDICT_KIND_NO_BETTER),  # worse
    ],
)
def test_the_loss_has_to_be_lower_by_the_margin_beyond_chance(losses: list[float], kind: int) -> None:
    verdict = judge(spec(LOWER_RATE), [*FAULTY, *arm(1, losses)])
    assert verdict.arms[1].kind == kind
    assert verdict.arms[1].HasField("improvement")


def test_seeds_are_compared_in_pairs() -> None:
    # Every seed is 10% lower, though seeds differ by far more than that.
    outcomes = [*arm(0, [1.0, 100.0, 10_000.0], [[FAULT]] * 3), *arm(1, [0.9, 90.0, 9_000.0])]
    assert judge(spec(LOWER_RATE), reversed(outcomes)).arms[1].kind == v.ARM_VERDICT_KIND_FIXED


@pytest.mark.parametrize("lost", [math.inf, math.nan, -math.inf])
def test_a_faulty_loss_that_is_not_finite_is_worse_than_any(lost: float) -> None:
    faulty = arm(0, [lost] * 3, [[OTHER]] * 3)
    remedy = judge(spec(LOWER_RATE), [*faulty, *arm(1, [1e30, 5.0, 1.0])]).arms[1]
    assert remedy.kind == v.ARM_VERDICT_KIND_FIXED
    assert (remedy.improvement, remedy.improvement_low, remedy.improvement_high) == (1.0, 1.0, 1.0)


def test_a_faulty_error_is_worse_than_any_loss() -> None:
    faulty = [ended(0, seed, 1.0, "training_error", error="InvalidArgumentError: labels") for seed in range(3)]
    verdict = judge(spec(LOWER_RATE, rules=["training_error"]), [*faulty, *arm(1, [50.0] * 3)])
    assert verdict.kind == v.VERDICT_KIND_REMEDY_FOUND


@pytest.mark.parametrize("lost", [math.inf, math.nan])
def test_a_remedy_whose_loss_is_not_finite_is_no_better(lost: float) -> None:
    faulty = arm(0, [math.inf] * 3, [[OTHER]] * 3)
    remedy = judge(spec(LOWER_RATE), [*faulty, *arm(1, [1.0, 1.0, lost])]).arms[1]
    assert remedy.kind == v.ARM_VERDICT_KIND_NO_BETTER
    assert not remedy.HasField("improvement")


def test_a_remedy_that_cannot_be_trained_is_invalid_and_says_why() -> None:
    broken = [ended(1, seed, math.inf, error="arms[1].patch: there is no such layer\nmore") for seed in range(3)]
    remedy = judge(spec(LOWER_RATE), [*FAULTY, *broken]).arms[1]
    assert remedy.kind == v.ARM_VERDICT_KIND_INVALID
    assert "there is no such layer" in remedy.summary
    assert "more" not in remedy.summary


def test_a_remedy_with_a_seed_missing_or_failed_is_not_proven() -> None:
    part = arm(1, [1.0, 1.0])
    assert judge(spec(LOWER_RATE), [*FAULTY, *part]).arms[1].kind == v.ARM_VERDICT_KIND_INVALID
    failed = [*part, ended(1, 2, math.inf, error="ResourceExhaustedError: out of memory")]
    assert judge(spec(LOWER_RATE), [*FAULTY, *failed]).arms[1].kind == v.ARM_VERDICT_KIND_INVALID
    assert judge(spec(LOWER_RATE), FAULTY).arms[1].kind == v.ARM_VERDICT_KIND_INVALID


def test_one_seed_proves_no_remedy() -> None:
    verdict = judge(spec(LOWER_RATE, seeds=1), [*FAULTY[:1], *arm(1, [0.1])])
    remedy = verdict.arms[1]
    assert remedy.kind == v.ARM_VERDICT_KIND_NO_BETTER
    assert remedy.improvement == pytest.approx(0.99)
    assert not remedy.HasField("improvement_low")
    assert "one seed" in remedy.summary


def test_a_different_loss_is_compared_by_the_error() -> None:
    faulty = [ended(0, seed, 0.2, FAULT, wrong=0.6) for seed in range(3)]
    remedied = [ended(1, seed, 1.1, wrong=0.1) for seed in range(3)]
    remedy = judge(spec(SOFTMAX), [*faulty, *remedied]).arms[1]
    assert (remedy.kind, remedy.measure) == (v.ARM_VERDICT_KIND_FIXED, "final error")
    assert remedy.improvement == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("patch", "measure"),
    [
        (LOWER_RATE, "final loss"),
        ({"data.inputs": {"standardise": True}}, "final loss"),
        ({"losses[0].name": {"set": "mean_absolute_error"}}, "final error"),
        ({"losses[0].name": {"set": "mse"}}, "final loss"),
        ({"model.layers[dense].activation": {"set": "tanh"}}, "final error"),
        ({"training.class_weights": {"set": "balanced"}}, "final error"),
        ({"model.layers[dense].kernel_regularizer": {"set": "l2"}}, "final error"),
        ({"model.layers[dense].kernel_initializer": {"set": "zeros"}}, "final loss"),
        ({"model.layers[dense]": {"insert_after": {"kind": "Dropout"}}}, "final error"),
        ({"model.layers[dense]": {"insert_after": {"kind": "Softmax"}}}, "final error"),
        ({"model.layers[dense]": {"insert_after": {"kind": "LayerNormalization"}}}, "final loss"),
    ],
)
def test_the_measure_follows_what_the_arm_changes(patch: dict, measure: str) -> None:
    asked = spec(patch)
    asked.description.data.inputs.add(shape=(-1, 4))
    assert judge(asked, FAULTY).arms[1].measure == measure


def test_what_was_memorised_is_compared_by_the_error() -> None:
    asked = spec(LOWER_RATE, rules=("overfit",))
    assert judge(asked, FAULTY).arms[1].measure == "final error"


def test_a_workloads_measure_follows_the_names_of_its_arguments() -> None:
    asked = ReproductionSpec(workload="tf1", rules=[FAULT], arms=[Arm(name="as reported")])
    asked.arms.add(name="a", patch=write_patch({"learning_rate": 0.001}))
    asked.arms.add(name="b", patch=write_patch({"loss": "mse"}))
    assert [each.measure for each in judge(asked, FAULTY).arms[1:]] == ["final loss", "final error"]


def test_an_error_that_was_not_measured_proves_nothing() -> None:
    faulty = [ended(0, seed, 0.2, FAULT) for seed in range(3)]
    remedied = [ended(1, seed, 0.1, wrong=0.1) for seed in range(3)]
    remedy = judge(spec(SOFTMAX), [*faulty, *remedied]).arms[1]
    assert remedy.kind == v.ARM_VERDICT_KIND_NO_BETTER
    assert "cannot be compared" in remedy.summary


def test_a_loss_that_was_zero_cannot_be_improved() -> None:
    faulty = arm(0, [0.0] * 3, [[FAULT]] * 3)
    assert judge(spec(LOWER_RATE), [*faulty, *arm(1, [0.0] * 3)]).arms[1].improvement == 0.0
    assert not judge(spec(LOWER_RATE), [*faulty, *arm(1, [1.0] * 3)]).arms[1].HasField("improvement")


def test_negative_losses_improve_downwards() -> None:
    faulty = arm(0, [-0.5, -0.4, -0.5], [[FAULT]] * 3)
    assert judge(spec(LOWER_RATE), [*faulty, *arm(1, [-0.9] * 3)]).arms[1].kind == v.ARM_VERDICT_KIND_FIXED
    assert judge(spec(LOWER_RATE), [*faulty, *arm(1, [-0.1] * 3)]).arms[1].kind == v.ARM_VERDICT_KIND_NO_BETTER


def test_the_best_remedy_comes_first_and_an_earlier_one_where_they_tie() -> None:
    better = judge(spec(LOWER_RATE, LOWER_RATE), [*FAULTY, *arm(1, [5.0] * 3), *arm(2, [1.0] * 3)])
    assert list(better.remedies) == [2, 1]
    lost = arm(0, [math.inf] * 3, [[FAULT]] * 3)
    tied = judge(spec(LOWER_RATE, LOWER_RATE), [*lost, *arm(1, [5.0] * 3), *arm(2, [1.0] * 3)])
    assert list(tied.remedies) == [1, 2]
    by_error = [ended(index, seed, 1.0, wrong=wrong) for index, wrong in ((1, 0.5), (2, 0.1)) for seed in range(3)]
    assert list(judge(spec(LOWER_RATE, LOWER_RATE), [*lost, *by_error]).remedies) == [2, 1]


def test_without_the_fault_no_remedy_is_judged() -> None:
    verdict = judge(spec(LOWER_RATE), [*arm(0, [10.0] * 3), *arm(1, [1.0] * 3)])
    assert verdict.kind == v.VERDICT_KIND_NOT_REPRODUCED
    assert verdict.arms[1].kind == v.ARM_VERDICT_KIND_UNSPECIFIED
    assert not verdict.remedies


def test_a_spec_without_arms_is_the_training_as_reported() -> None:
    verdict = judge(ReproductionSpec(rules=[FAULT]), FAULTY)
    assert verdict.kind == v.VERDICT_KIND_REPRODUCED
    assert [each.name for each in verdict.arms] == ["as reported"]


def test_nothing_trained_is_nothing_reproduced() -> None:
    verdict = judge(spec(LOWER_RATE), [])
    assert verdict.kind == v.VERDICT_KIND_NOT_REPRODUCED
    assert verdict.arms[0].kind == v.ARM_VERDICT_KIND_INVALID


def test_a_training_that_failed_otherwise_says_so_where_the_fault_did_not_come_back() -> None:
    failed = [ended(0, seed, math.inf, error="MemoryError: no memory") for seed in range(3)]
    verdict = judge(spec(), failed)
    assert verdict.kind == v.VERDICT_KIND_NOT_REPRODUCED
    assert "MemoryError" in verdict.summary


def test_what_belongs_to_no_arm_or_seed_is_left_out_and_a_repetition_replaces() -> None:
    strangers = [ended(7, 0, 1.0, FAULT), ended(0, 99, 1.0, FAULT)]
    repeated = [*FAULTY, *arm(0, [1.0] * 3), *strangers]
    assert judge(spec(), repeated).arms[0].fired == 0


def test_intervals_are_those_of_students_t() -> None:
    assert mean_interval([1.0]) is None
    mean, low, high = mean_interval([1.0, 2.0, 3.0]) or (0, 0, 0)
    assert (mean, high - mean, mean - low) == pytest.approx((2.0, 2.484, 2.484), abs=1e-3)


def test_whole_numbers_of_patches_stay_whole() -> None:
    changes = {"model.output": {"set": {"units": 3, "activation": "softmax"}}, "training.batch_size": {"set": 32}}
    read = read_patch(write_patch(changes))
    assert read == changes
    assert isinstance(read["training.batch_size"]["set"], int)
    assert read_patch(write_patch({"optimizer.learning_rate": {"multiply": 0.1}})) == LOWER_RATE
