"""Rules on learning and epochs find the same however rows are cut into batches and wherever a run is interrupted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_service.rules import learning, metrics
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.oscillation import OSCILLATION
from support.epochs import EPOCH, Training, classifier, end_epoch, follow, healthy, rows_of
from support.storage import through_storage
from support.telemetry import spans

EPOCHS = 14
LENGTH = EPOCHS * EPOCH

FAULTS = (
    "high start",
    "negative",
    "nothing",
    "small updates",
    "jump",
    "swings",
    "flat",
    "rising rate",
    "nan",
    "overfit",
    "better unseen",
    "against",
    "constant",
    "narrow",
)


@st.composite
def trainings(draw: st.DrawFn) -> Training:
    """A training into which faults were planted."""
    training = healthy(EPOCHS, draw(st.integers(0, 2**16)))
    for fault in draw(st.lists(st.sampled_from(FAULTS), max_size=3)):
        plant(fault, training, draw(st.integers(0, LENGTH - 60)))
    return training


def plant(fault: str, training: Training, start: int) -> None:
    """Plants one fault, from a step on where it may begin anywhere."""
    steps, epochs = np.arange(LENGTH), np.arange(EPOCHS)
    noise = np.exp(np.random.default_rng(start).normal(0, 0.01, LENGTH))
    match fault:
        case "high start":
            training.loss[:20] = 9.0
        case "negative":
            training.loss[start : start + 30] = -1.0
        case "nothing":
            training.loss[start:] = 0.0
        case "small updates":
            training.loss[:] = 2.3 * noise
            training.ratio[start : start + 200] = 1e-5
            training.ratio[:start] = 2e-4
        case "jump":
            training.loss[:] = 2.3 * noise
            training.loss[2:8] = 12.0
        case "swings":
            training.loss[start:] = (1.6 + 0.4 * np.sign(np.sin(steps / 12)) * noise)[start:]
        case "flat":
            training.loss[:] = 2.3 * noise
        case "rising rate":
            training.rate[:start] = np.linspace(1e-6, 1e-3, start)
        case "nan":
            training.loss[start : start + 3] = np.nan
            training.val_loss[start // EPOCH] = np.nan
        case "overfit":
            training.val_loss = 1.0 + 0.1 * epochs
        case "better unseen":
            training.accuracy *= 0.7
        case "against":
            training.accuracy = 1 - training.accuracy
        case "constant":
            training.loss[:] = 2.3 * noise
            training.accuracy[:] = 0.1
        case "narrow":
            training.loss[:] = (1.7 + 0.6 * np.exp(-steps / 40)) * noise
            training.accuracy[:] = 0.3


NARROW = classifier(width=1)


@given(trainings(), st.lists(st.integers(1, LENGTH - 1), max_size=30))
@settings(max_examples=100, deadline=None)
def test_findings_do_not_depend_on_how_the_rows_are_batched(training: Training, cuts: list[int]) -> None:
    whole, expected = follow(training, NARROW)
    parts, found = follow(training, NARROW, cuts)
    assert repr(found) == repr(expected)
    assert repr(parts.findings) == repr(whole.findings)


@given(trainings(), st.lists(st.integers(1, LENGTH - 1), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_a_diagnosis_continues_from_a_snapshot_as_if_nothing_had_happened(
    training: Training, interruptions: list[int]
) -> None:
    _, expected = follow(training, NARROW)
    diagnosis = Diagnosis()
    diagnosis.describe(NARROW)
    found = []
    for start, stop in spans(LENGTH, [*interruptions, *range(EPOCH, LENGTH, EPOCH)]):
        found += diagnosis.observe(rows_of(training, start, stop))
        diagnosis = Diagnosis.restore(through_storage(diagnosis.state()))
        if stop % EPOCH == 0:
            found += end_epoch(diagnosis, training, stop // EPOCH - 1)
            diagnosis = Diagnosis.restore(through_storage(diagnosis.state()))
    assert repr(found) == repr(expected)


@pytest.mark.parametrize("every", [2, 3])
def test_signals_that_come_only_now_and_then_are_batched_as_freely(every: int) -> None:
    training = healthy(EPOCHS)
    plant("small updates", training, 50)
    expected, found = (thinned(training, every, cuts) for cuts in ([], list(range(7, LENGTH, 7))))
    assert repr(found) == repr(expected)


def thinned(training: Training, every: int, cuts: list[int]) -> list:
    """Diagnoses a training that reports norms and learning rate only every so many rows, at different ones."""
    diagnosis = Diagnosis()
    diagnosis.describe(NARROW)
    found = []
    for start, stop in spans(LENGTH, cuts):
        rows = rows_of(training, start, stop)
        index = np.arange(start, stop)
        for name, offset in (("update_norm", 0), ("weight_norm", 0), ("learning_rate", 1), ("loss", 0)):
            series = rows.scalars if name in rows.scalars else rows.blocks
            picked = np.flatnonzero(index % every == offset)
            if len(picked):
                series[name] = type(series[name])(series[name].values[picked], picked)
            else:
                del series[name]
        found += diagnosis.observe(rows)
    return found


def test_the_planted_faults_exercise_every_rule() -> None:
    """Invariance of silence would prove nothing: each rule has to open under some fault."""
    found = set()
    for fault in FAULTS:
        for start in (0, 40, 90):
            training = healthy(EPOCHS)
            plant(fault, training, start)
            found |= set(follow(training, NARROW)[0].findings)
    assert found >= {rule.id for rule in (*learning.RULES, *metrics.RULES, OSCILLATION)}
