"""However rows with every signal are cut into batches, and wherever a run is interrupted, the findings are the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_service.ingest.snapshot import pack, unpack
from paramedic_service.rules import (
    accumulation,
    activations,
    clipping,
    errors,
    noise_scale,
    steps,
    through_time,
    weights,
)
from paramedic_service.rules.description import Optimizer
from paramedic_service.rules.diagnosis import Diagnosis
from support.signals import NOISE_EVERY, PROBE_EVERY, TIME_STEPS, Training, healthy
from support.telemetry import spans

LENGTH = 500

OURS = (
    *through_time.RULES,
    *accumulation.RULES,
    *clipping.RULES,
    *noise_scale.RULES,
    *weights.RULES,
    *activations.RULES,
    *steps.RULES,
)

FAULTS = (
    "tiny updates",
    "huge updates",
    "still kernel",
    "growing weights",
    "nan weights",
    "update spike",
    "zero weights",
    "warm restart",
    "fading path",
    "exploding path",
    "nan path",
    "piling gradients",
    "hard clipping",
    "noise",
    "dead units",
    "saturation",
    "lost samples",
    "constant output",
    "slow steps",
    "missing learning rate",
)


@st.composite
def trainings(draw: st.DrawFn) -> Training:
    """A training into which faults were planted, some of which end again."""
    training = healthy(LENGTH, draw(st.integers(0, 2**16)))
    if draw(st.booleans()):
        training.stuck(since=draw(st.sampled_from([0, 100])))
    for fault in draw(st.lists(st.sampled_from(FAULTS), max_size=4)):
        start = draw(st.sampled_from([0, 30, 130, 333]))
        plant(fault, training, start, min(LENGTH, start + draw(st.sampled_from([1, 40, 200, 500]))))
    return training


def plant(fault: str, training: Training, start: int, stop: int) -> None:
    """Plants one fault into rows [start, stop)."""
    rows = slice(start, stop)
    probes = slice(-(-start // PROBE_EVERY), -(-stop // PROBE_EVERY))
    back = (TIME_STEPS[-1] - TIME_STEPS).astype(np.float64)
    match fault:
        case "tiny updates":
            training.updates[rows] *= np.float32(1e-4)
        case "huge updates":
            training.updates[rows] *= np.float32(300)
        case "still kernel":
            training.updates[rows, 2] = 0
        case "growing weights":
            training.weights[rows] *= np.exp2(np.arange(stop - start) / 30).astype(np.float32)[:, None]
        case "nan weights":
            training.weights[rows, 0] = np.nan
        case "update spike":
            training.updates[start] *= np.float32(50)
            training.loss[start] = 9
        case "zero weights":
            training.weights[rows] = 0
            training.updates[rows] = 0
        case "warm restart":
            training.rates[rows] *= 100
            training.updates[rows] *= np.float32(100)
        case "fading path":
            training.paths["lstm"][probes] = 0.2**back
        case "exploding path":
            training.paths["lstm"][probes] = 3**back
        case "nan path":
            training.paths["lstm"][probes, 2] = np.nan
        case "piling gradients":
            training.gradients[rows] = (0.2 * np.cumsum(training.gradients[rows], axis=0) + 0.2).astype(np.float32)
        case "hard clipping":
            training.described(optimizer=Optimizer(global_clipnorm=0.001))
        case "noise":
            training.noise[-(-start // NOISE_EVERY) :, 0] = 1.99 * training.noise[-(-start // NOISE_EVERY) :, 1]
        case "dead units":
            training.layers["dead_share"][probes, 1] = 0.9
        case "saturation":
            training.layers["saturated_share"][probes, 0] = 0.99
        case "lost samples":
            training.layers["sample_deviation"][probes, 1] = 1e-6
            training.layers["activation_deviation"][probes, 1] = 0.01
        case "constant output":
            training.layers["sample_deviation"][probes, 2] = 1e-8
        case "slow steps":
            durations = np.diff(training.times, prepend=training.times[0])
            durations[rows] *= 4
            training.times = 1e9 + np.cumsum(durations)
        case "missing learning rate":
            training.rates[rows] = np.nan


def cuts() -> st.SearchStrategy[list[int]]:
    """Places where the rows are cut into batches, single rows and everything at once included."""
    return st.one_of(
        st.lists(st.integers(1, LENGTH - 1), max_size=30),
        st.sampled_from([1, 7, 64, 100]).map(lambda size: list(range(size, LENGTH, size))),
    )


@given(trainings(), cuts())
@settings(max_examples=120, deadline=None)
def test_findings_do_not_depend_on_how_the_rows_are_batched(training: Training, cut: list[int]) -> None:
    whole, expected = training.diagnose()
    parts, found = training.diagnose(cut)
    assert repr(found) == repr(expected)
    assert repr(parts.findings) == repr(whole.findings)


@given(trainings(), st.lists(st.integers(1, LENGTH - 1), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_diagnosis_continues_from_a_snapshot_as_if_nothing_had_happened(
    training: Training, interruptions: list[int]
) -> None:
    _, expected = training.diagnose()
    diagnosis = Diagnosis()
    found = list(diagnosis.describe(training.description))
    for start, stop in spans(LENGTH, interruptions):
        found += diagnosis.observe(training.rows(start, stop))
        diagnosis = Diagnosis.restore(unpack(pack(diagnosis.state())))
    assert repr(found) == repr(expected)


@given(st.integers(1, LENGTH - 1), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_training_that_begins_again_is_told_the_same_after_an_interruption(at: int, interrupted: bool) -> None:
    outcomes = []
    for stored in (False, interrupted):
        training, diagnosis = healthy(LENGTH).stuck().described(attempt=1), Diagnosis()
        found = list(diagnosis.describe(training.description))
        diagnosis.training_began(1e9 - 5000)
        found += diagnosis.observe(training.rows(0, at))
        diagnosis.training_began(1e9 - 9000)
        if stored:
            diagnosis = Diagnosis.restore(unpack(pack(diagnosis.state())))
        found += diagnosis.observe(training.rows(at, LENGTH))
        found += diagnosis.fail("ValueError", "no", "")
        outcomes.append(repr(found))
    assert outcomes[0] == outcomes[1]
    assert "slow_first_step" in outcomes[0]


def test_the_planted_faults_exercise_every_rule() -> None:
    """Invariance of silence would prove nothing: each rule has to open under some fault."""
    found = set()
    for fault in FAULTS:
        for start in (0, 130):
            training = healthy(LENGTH).stuck()
            plant(fault, training, start, LENGTH)
            found |= set(training.diagnose()[0].findings)
    diagnosis = Diagnosis()
    diagnosis.describe(healthy().described(attempt=1).description)
    diagnosis.training_began(1e9 - 5000)
    diagnosis.observe(healthy().rows(0, 5))
    diagnosis.fail("ValueError", "no", "")
    found |= set(diagnosis.findings)
    assert {rule.id for rule in (*OURS, *errors.RULES)} <= found
