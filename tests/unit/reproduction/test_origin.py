"""From what somebody asks to reproduce to what is to be trained."""

import math
from dataclasses import replace

import pytest

from paramedic.v1.description_pb2 import DataProfile, TrainingConfig
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic_service.incidents.incident import Cause, Incident, Remedy
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.restore import Replayer
from paramedic_service.reproduction.origin import (
    HEADROOM,
    STEPS,
    OriginError,
    UnknownOriginError,
    from_run,
    from_scenario,
    from_spec,
    rules_of,
)
from paramedic_service.reproduction.patches import read_patch
from paramedic_service.reproduction.plan import Limits, SpecError
from paramedic_service.reproduction.remedy_arms import arms_of, patch_name
from paramedic_service.rules.finding import Severity
from paramedic_service.store.records import RunKey
from support.service import batch, description

LIMITS = Limits()
NOTHING = ReproductionSpec()
MIXED = ("learning_rate_range", "loss_spike", "exploding_gradient", "nonfinite_loss")


def exploded(*, model: bool = True, after: int = 0, factor: float = 2.0) -> LiveRun:
    """A run whose loss diverges after some steps, and whose learning rate is absurd."""
    live = LiveRun(RunKey("project", "run"), 1, "run", created_at=0.0)
    replayer = Replayer(live)
    described = description(1)
    described.description.optimizer.name = "adam"
    described.description.optimizer.learning_rate = 10.0
    described.description.config["secret"] = "not for reproductions"
    if model:
        described.description.model.framework_json = "{}"
        described.description.model.layers.add(name="rnn", kind="SimpleRNN", activation="tanh", units=8)
        described.description.model.layers.add(name="dense", kind="Dense", activation="linear", units=1)
    replayer.feed(described.SerializeToString())
    if after:
        healthy = batch(2, range(after), loss=1.0, norms=[1.0, 1.0])
        replayer.feed(healthy.SerializeToString())
    losses = [factor**step for step in range(60)]
    replayer.feed(batch(3, range(after, after + 60), loss=losses, norms=[1.0, 1.0]).SerializeToString())
    lost = batch(4, range(after + 60, after + 64), loss=math.nan, norms=[math.nan] * 2)
    replayer.feed(lost.SerializeToString())
    return live


def healthy() -> LiveRun:
    live = LiveRun(RunKey("project", "run"), 1, "run", created_at=0.0)
    replayer = Replayer(live)
    replayer.feed(description(1).SerializeToString())
    replayer.feed(batch(2, range(10), norms=[1.0, 1.0]).SerializeToString())
    return live


def test_a_run_becomes_its_training_with_an_arm_for_each_remedy() -> None:
    live = exploded()
    origin = from_run(live, LIMITS, asked=NOTHING)
    spec = origin.spec
    assert origin.incident == live.incidents[0].id
    assert spec.description.optimizer.learning_rate == 10.0
    assert [spec.arms[0].name, read_patch(spec.arms[0].patch)] == ["as reported", {}]
    assert spec.arms[1].name == "optimizer.learning_rate x 0.1"
    assert spec.arms[1].text == "Lower the learning rate by a factor of 10, from 10 to 1."
    patches = [read_patch(arm.patch) for arm in spec.arms]
    assert all(patch not in patches[:place] for place, patch in enumerate(patches))
    assert len({arm.name for arm in spec.arms}) == len(spec.arms) > 3
    assert list(spec.rules) == ["divergence", "nonfinite_loss"]
    assert spec.data.WhichOneof("source") == "synthesis"
    assert spec.title.startswith("project/run: ")


def test_nothing_is_taken_along_that_reproductions_do_not_read() -> None:
    spec = from_run(exploded(), LIMITS, asked=NOTHING).spec
    assert not spec.description.model.framework_json
    assert not spec.description.HasField("config")
    assert exploded().description.model.framework_json  # the run itself keeps it


def test_a_shared_sample_is_preferred() -> None:
    shared = from_run(exploded(), LIMITS, asked=NOTHING, shared=True).spec.data.shared
    assert (shared.project, shared.id) == ("project", "run")


def test_a_training_that_is_too_short_is_not_made_longer() -> None:
    live = LiveRun(RunKey("project", "run"), 1, "run", created_at=0.0)
    described = description(1)
    described.description.model.layers.add(name="dense", kind="Dense", activation="linear", units=1)
    described.description.training.MergeFrom(TrainingConfig(batch_size=1000, steps_per_epoch=1, epochs=24))
    described.description.data.MergeFrom(DataProfile(samples=1000))
    replayer = Replayer(live)
    replayer.feed(described.SerializeToString())
    replayer.feed(batch(2, range(10), loss=1.0, norms=[1.0, 1.0]).SerializeToString())
    assert "batch_size" in live.diagnosis.findings
    assert from_run(live, LIMITS, asked=NOTHING, incident="batch_size").spec.steps == 24


def test_steps_follow_what_the_run_needed_to_fail() -> None:
    early = from_run(exploded(), LIMITS, asked=NOTHING)
    late = from_run(exploded(after=120), LIMITS, asked=NOTHING)
    assert STEPS[0] <= early.spec.steps < late.spec.steps <= STEPS[1]
    found = exploded(after=120).diagnosis.findings
    assert late.spec.steps >= HEADROOM * min(found[rule].opened_step for rule in late.spec.rules) > 120
    assert from_run(exploded(after=5000), LIMITS, asked=NOTHING).spec.steps == STEPS[1]
    assert from_run(exploded(), Limits(steps=20), asked=NOTHING).spec.steps == 20


def test_arms_are_bounded_and_the_likeliest_cause_comes_first() -> None:
    spec = from_run(exploded(), Limits(arms=2), asked=NOTHING).spec
    assert [arm.name for arm in spec.arms] == ["as reported", "optimizer.learning_rate x 0.1"]


def test_what_the_request_says_replaces_what_comes_of_the_run() -> None:
    asked = ReproductionSpec(title="mine", steps=7, seeds=5, arms=[Arm(name="as reported")], rules=["loss_spike"])
    asked.data.bundled = "digits"
    spec = from_run(exploded(), LIMITS, asked=asked).spec
    assert (spec.title, spec.steps, spec.seeds, list(spec.rules)) == ("mine", 7, 5, ["loss_spike"])
    assert [arm.name for arm in spec.arms] == ["as reported"]
    assert spec.data.bundled == "digits"
    assert spec.description.optimizer.name == "adam"


def test_an_incident_is_found_by_its_id_or_by_any_of_its_rules() -> None:
    live = exploded()
    for rule in live.incidents[0].rules:
        assert from_run(live, LIMITS, asked=NOTHING, incident=rule).incident == live.incidents[0].id
    with pytest.raises(UnknownOriginError, match="has no incident 'too_deep'; it has"):
        from_run(live, LIMITS, asked=NOTHING, incident="too_deep")


def test_a_healthy_run_cannot_be_reproduced_and_neither_can_one_of_an_unknown_model() -> None:
    with pytest.raises(OriginError, match="nothing is wrong with run 'run'"):
        from_run(healthy(), LIMITS, asked=NOTHING)
    with pytest.raises(OriginError, match="report it with"):
        from_run(exploded(model=False), LIMITS, asked=NOTHING)


def test_a_scenario_gives_its_own_and_takes_other_steps() -> None:
    own = ReproductionSpec(title="own", steps=300, arms=[Arm(name="a"), Arm(name="b")], rules=["r"])
    spec = from_scenario(lambda: own, ReproductionSpec(steps=5)).spec
    assert (spec.title, spec.steps, len(spec.arms), list(spec.rules)) == ("own", 5, 2, ["r"])


def test_a_spec_is_taken_as_it_is_and_must_say_what_to_train() -> None:
    asked = ReproductionSpec(workload="mine", steps=5)
    assert from_spec(asked).spec == asked
    with pytest.raises(SpecError) as caught:
        from_spec(ReproductionSpec(steps=5))
    assert caught.value.field == "spec"


def test_the_fault_is_told_by_the_gravest_rules_that_speak_for_its_cause() -> None:
    cause = Cause("learning_rate_too_high", "", 0.9, (), (), ())
    mixed = Incident("learning_rate_range", Severity.CRITICAL, True, 0, MIXED, (cause,), {}, "")
    assert rules_of(mixed) == ["exploding_gradient", "nonfinite_loss"]
    assert rules_of(replace(mixed, rules=MIXED[:2])) == ["learning_rate_range", "loss_spike"]
    assert rules_of(replace(mixed, rules=MIXED[:1])) == ["learning_rate_range"]


def test_what_a_cause_only_sets_off_does_not_tell_its_fault() -> None:
    rules = ("too_deep", "vanishing_through_time", "vanishing_gradient", "activation_scale")
    deep = Incident("too_deep", Severity.CRITICAL, True, 0, rules, (Cause("too_deep", "", 0.9, (), (), ()),), {}, "")
    assert rules_of(deep) == ["vanishing_gradient"]


def test_without_a_known_cause_whatever_was_measured_tells_the_fault() -> None:
    unknown = Incident("learning_rate_range", Severity.CRITICAL, True, 0, MIXED, (), {}, "")
    assert rules_of(unknown) == ["exploding_gradient", "nonfinite_loss"]
    assert rules_of(replace(unknown, rules=("stalled_run",))) == ["stalled_run"]


def test_remedies_without_a_patch_and_repeated_ones_make_no_arm() -> None:
    lower = {"optimizer.learning_rate": {"multiply": 0.1}}
    causes = [
        Cause("a", "A", 0.9, (), (), (Remedy("Lower it.", lower), Remedy("Think."))),
        Cause(
            "b",
            "B",
            0.5,
            (),
            (),
            (Remedy("Lower it, too.", lower), Remedy("Clip.", {"optimizer.clipnorm": {"set": 1}})),
        ),
    ]
    assert [arm.text for arm in arms_of(causes, 10)][1:] == ["Lower it.", "Clip."]


@pytest.mark.parametrize(
    ("patch", "name"),
    [
        ({"optimizer.learning_rate": {"multiply": 0.1}}, "optimizer.learning_rate x 0.1"),
        ({"optimizer.global_clipnorm": {"set": 1.0}}, "optimizer.global_clipnorm = 1"),
        ({"model.layers[*].kind": {"replace": {"SimpleRNN": "LSTM"}}}, "model.layers[*].kind SimpleRNN -> LSTM"),
        ({"model.layers[d]": {"insert_after": {"kind": "Dropout"}}}, "model.layers[d] insert_after kind=Dropout"),
        ({"model.output": {"set": {"units": 3, "activation": "softmax"}}}, "model.output = units=3 activation=softmax"),
        ({"data.inputs": {"standardise": True}}, "data.inputs standardise"),
        ({"data.inputs": {"truncate": 20}}, "data.inputs truncate 20"),
        ({"a": {"set": 1}, "b": {"set": 2}}, "a = 1, b = 2"),
        ({"a": {"set": 1}, "b": {"set": 2}, "c": {"set": 3}}, "a = 1 and 2 more"),
        ({"any": "thing"}, "any thing"),
    ],
)
def test_patches_have_short_names(patch: dict, name: str) -> None:
    assert patch_name(patch) == name


def test_names_are_unique_and_of_bounded_length() -> None:
    path = f"model.layers[{'x' * 300}].units"
    remedies = tuple(Remedy(str(units), {path: {"set": units}}) for units in range(5))
    arms = arms_of([Cause("a", "A", 0.9, (), (), remedies)], 10)
    assert len({arm.name for arm in arms}) == 6
    assert all(1 <= len(arm.name) <= 200 for arm in arms)
