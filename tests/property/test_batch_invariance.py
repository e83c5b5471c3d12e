"""However a run's rows are cut into batches, and wherever it is interrupted, the findings are the same to the step."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_service.rules.description import Description, Optimizer
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.gradient_monitor import GradientMonitor
from paramedic_service.rules.loss_monitor import LossMonitor
from paramedic_service.rules.telemetry import LEARNING_RATE, Column
from support.storage import through_storage
from support.telemetry import TENSORS, diagnose, healthy_loss, healthy_norms, rows_of, spans

LENGTH = 700

FAULTS = ("nan", "infinity", "spike", "burst", "growth", "vanish", "zero", "flat", "diverge", "imbalance")


@st.composite
def telemetry(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Loss and norms of a run into which faults were planted, some of which end again."""
    seed = draw(st.integers(0, 2**16))
    loss, norms = healthy_loss(LENGTH, seed), healthy_norms(LENGTH, seed)
    for fault in draw(st.lists(st.sampled_from(FAULTS), max_size=4)):
        start = draw(st.integers(0, LENGTH - 1))
        stop = min(LENGTH, start + draw(st.sampled_from([1, 3, 12, 60, 300])))
        columns = draw(st.sampled_from([slice(None), slice(0, 1), slice(2, 4)]))
        plant(fault, loss, norms, start, stop, columns)
    return loss, norms


def plant(fault: str, loss: np.ndarray, norms: np.ndarray, start: int, stop: int, columns: slice) -> None:
    """Plants one fault into rows [start, stop)."""
    length = stop - start
    match fault:
        case "nan":
            loss[start:stop] = np.nan
            norms[start:stop, columns] = np.nan
        case "infinity":
            loss[start:stop] = np.inf
            norms[start:stop, columns] = np.inf
        case "spike":
            loss[start] *= 8
            norms[start, columns] *= 200
        case "burst":
            loss[start:stop] *= 5
            norms[start:stop, columns] *= 40
        case "growth":
            loss[start:stop] += np.linspace(0, 3, length)
            norms[start:stop, columns] *= np.exp2(np.arange(length) / 30).astype(np.float32)[:, None]
        case "vanish":
            loss[start:] = 2.3
            norms[start:stop, columns] *= np.float32(1e-9)
        case "zero":
            norms[start:stop, columns] = 0
        case "flat":
            loss[start:] = 2.0
        case "diverge":
            loss[start:] = 6.0
        case "imbalance":
            loss[start:] = 2.3
            norms[start:stop, :2] *= np.float32(1e-5)


def cuts() -> st.SearchStrategy[list[int]]:
    """Places where the rows are cut into batches, single rows and everything at once included."""
    return st.one_of(
        st.lists(st.integers(1, LENGTH - 1), max_size=30),
        st.sampled_from([1, 7, 64, 100]).map(lambda size: list(range(size, LENGTH, size))),
    )


@given(telemetry(), cuts(), st.sampled_from([1, 3]), st.sampled_from([1, 2, 5]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_findings_do_not_depend_on_how_the_rows_are_batched(
    run: tuple[np.ndarray, np.ndarray], cut: list[int], loss_every: int, norms_every: int, scaled: bool
) -> None:
    loss, norms = run
    description = Description(TENSORS, optimizer=Optimizer(dynamic_loss_scale=scaled))
    how = {"description": description, "loss_every": loss_every, "norms_every": norms_every}
    whole, expected = diagnose(loss, norms, **how)
    parts, found = diagnose(loss, norms, cut, **how)
    assert repr(found) == repr(expected)
    assert repr(parts.findings) == repr(whole.findings)


@given(cuts(), st.integers(1, LENGTH - 1))
@settings(max_examples=50, deadline=None)
def test_a_learning_rate_that_rises_counts_the_same_however_the_rows_are_batched(cut: list[int], rise: int) -> None:
    assert found_as_the_rate_rises(rise, cut) == found_as_the_rate_rises(rise, [])


def found_as_the_rate_rises(at: int, cut: list[int]) -> str:
    """What is found in a training that learns nothing and whose learning rate rises at a row."""
    loss = 2.3 + np.random.default_rng(0).normal(0, 0.02, LENGTH)
    rate = np.where(np.arange(LENGTH) < at, 1e-4, 1e-3)
    diagnosis, found = Diagnosis(), []
    for start, stop in spans(LENGTH, cut):
        rows = rows_of(loss, None, start, stop)
        found += diagnosis.observe(replace(rows, scalars={**rows.scalars, LEARNING_RATE: Column(rate[start:stop])}))
    return repr(found)


@given(telemetry(), st.lists(st.integers(1, LENGTH - 1), min_size=1, max_size=4))
@settings(max_examples=75, deadline=None)
def test_a_diagnosis_continues_from_a_snapshot_as_if_nothing_had_happened(
    run: tuple[np.ndarray, np.ndarray], interruptions: list[int]
) -> None:
    loss, norms = run
    _, expected = diagnose(loss, norms)
    diagnosis = Diagnosis()
    diagnosis.describe(Description(TENSORS))
    found = []
    for start, stop in spans(LENGTH, interruptions):
        found += diagnosis.observe(rows_of(loss, norms, start, stop))
        diagnosis = Diagnosis.restore(through_storage(diagnosis.state()))
    assert repr(found) == repr(expected)


def test_the_planted_faults_exercise_every_rule() -> None:
    """Invariance of silence would prove nothing: each rule has to open under some fault."""
    found = set()
    for fault in FAULTS:
        for start in (0, 30, 300):
            loss, norms = healthy_loss(LENGTH), healthy_norms(LENGTH)
            scale = np.float32(1e5) if fault == "growth" else np.float32(1)
            plant(fault, loss, norms, start, LENGTH, slice(None))
            found |= set(diagnose(loss, norms * scale)[0].findings)
    assert found == {rule.id for rule in (*LossMonitor.rules, *GradientMonitor.rules)}
