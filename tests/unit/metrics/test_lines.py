import math

import numpy as np
import pytest

from paramedic.v1.description_pb2 import Tensor
from paramedic.v1.verdict_pb2 import VERDICT_KIND_REMEDY_FOUND, ReproductionLink, ReproductionVerdict
from paramedic_service.ingest.live import LiveRun
from paramedic_service.metrics import families
from paramedic_service.metrics.lines import RunLines, Series
from paramedic_service.rules.telemetry import GRADIENT_NORM, Column, Rows
from paramedic_service.store.records import RunKey, RunState

IDENTITY = 'project="digits",run="lstm-1",attempt="2",rank="3"'
EVERYTHING = Series(scalars=1000, gradients=1000, ratios=1000)


@pytest.fixture
def run():
    run = LiveRun(RunKey("digits", "lstm-1", 2, 3), 1, "an LSTM", created_at=0.0)
    run.version = 1
    return run


def rendered(lines, family, granted=EVERYTHING):
    return lines.render(granted)[families.RUN_FAMILIES.index(family)].decode()


def give_tensors(run, norms, names=None):
    names = names or [f"lstm/kernel_{index}" for index in range(len(norms))]
    del run.description.tensors[:]
    run.description.tensors.extend(Tensor(name=name, layer="lstm") for name in names)
    run.tensor_names = tuple(names)
    run.latest_norms = {GRADIENT_NORM: np.array(norms, dtype=np.float32)}
    run.version += 1


def observe_loss(run, step, value):
    run.diagnosis.observe(Rows(np.array([step]), np.array([float(step)]), {"loss": Column(np.array([value]))}))
    run.version += 1


def test_a_run_that_reported_nothing_shows_only_what_it_is(run):
    lines = RunLines(run).render(EVERYTHING)
    assert lines[0].decode() == (
        f'paramedic_run_info{{{IDENTITY},name="an LSTM",state="running",framework="",framework_version="",'
        'model="",optimizer=""} 1\n'
    )
    assert not any(lines[1:])


def test_info_names_state_framework_model_and_optimizer(run):
    run.state = RunState.FAILED
    run.description.environment.framework = "keras"
    run.description.environment.framework_version = "3.15.1"
    run.description.model.name = "classifier"
    run.description.optimizer.name = "adam"
    assert rendered(RunLines(run), families.INFO).endswith(
        ',state="failed",framework="keras",framework_version="3.15.1",model="classifier",optimizer="adam"} 1\n'
    )


def test_loss_step_and_time_are_exact(run):
    run.latest_scalars = {"loss": 0.1 + 0.2}
    run.last_step = 2**53
    run.last_report_at = 1700000000.25
    lines = RunLines(run)
    assert rendered(lines, families.LOSS) == f"paramedic_run_loss{{{IDENTITY}}} 0.30000000000000004\n"
    assert rendered(lines, families.STEP) == f"paramedic_run_step{{{IDENTITY}}} 9007199254740992\n"
    assert rendered(lines, families.LAST_REPORT).endswith("} 1700000000.25\n")


@pytest.mark.parametrize(("value", "spelling"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")])
def test_non_finite_values_are_exposed(run, value, spelling):
    run.latest_scalars = {"loss": value, "accuracy": value}
    give_tensors(run, [1.5, value, 2.5])
    lines = RunLines(run)
    assert rendered(lines, families.LOSS).endswith(f"}} {spelling}\n")
    assert rendered(lines, families.SCALAR).endswith(f"}} {spelling}\n")
    values = [line.rpartition(" ")[2] for line in rendered(lines, families.TENSOR_GRADIENT_NORM).splitlines()]
    assert values == ["1.5", spelling, "2.5"]


def test_labels_that_look_like_values_are_left_alone(run):
    give_tensors(run, [math.nan, 1.0], ["a} nan\n", "100%s"])
    assert rendered(RunLines(run), families.TENSOR_GRADIENT_NORM) == (
        f'paramedic_run_tensor_gradient_norm{{{IDENTITY},tensor="a}} nan\\n",layer="lstm"}} NaN\n'
        f'paramedic_run_tensor_gradient_norm{{{IDENTITY},tensor="100%s",layer="lstm"}} 1\n'
    )


def test_the_global_norm_is_taken_in_double_precision(run):
    give_tensors(run, [3e38, 3e38])
    value = float(rendered(RunLines(run), families.GRADIENT_NORM).rpartition(" ")[2])
    assert value == pytest.approx(math.sqrt(2) * 3e38, rel=1e-7)


def test_norms_read_back_as_the_same_float32(run):
    norms = np.random.default_rng(0).lognormal(sigma=20, size=500).astype(np.float32)
    give_tensors(run, norms)
    text = rendered(RunLines(run), families.TENSOR_GRADIENT_NORM)
    read = np.array([line.rpartition(" ")[2] for line in text.splitlines()], dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(read, norms)


def test_findings_are_shown_while_they_are_open(run):
    lines = RunLines(run)
    observe_loss(run, 1, math.nan)
    assert rendered(lines, families.FINDINGS) == (
        f'paramedic_run_findings{{{IDENTITY},rule="nonfinite_loss",severity="critical"}} 1\n'
    )
    for step in range(2, 200):
        observe_loss(run, step, 1.0)
    assert run.diagnosis.findings["nonfinite_loss"].resolved_step is not None
    assert "nonfinite_loss" not in rendered(lines, families.FINDINGS)


def test_scalars_other_than_the_loss_are_shown_by_name(run):
    run.latest_scalars = {"val_loss": 2.0, "loss": 1.0, "accuracy": 0.5}
    assert RunLines(run).wanted().scalars == 2
    assert rendered(RunLines(run), families.SCALAR) == (
        f'paramedic_run_scalar{{{IDENTITY},signal="accuracy"}} 0.5\n'
        f'paramedic_run_scalar{{{IDENTITY},signal="val_loss"}} 2.0\n'
    )


def test_only_the_granted_series_are_shown(run):
    run.latest_scalars = {"accuracy": 0.5, "val_loss": 2.0}
    give_tensors(run, [1.0, 2.0, 3.0])
    lines = RunLines(run)
    assert rendered(lines, families.SCALAR, Series(scalars=1, gradients=2, ratios=2)).count("\n") == 1
    assert rendered(lines, families.TENSOR_GRADIENT_NORM, Series(scalars=1, gradients=2, ratios=2)).count("\n") == 2
    assert rendered(lines, families.TENSOR_GRADIENT_NORM).count("\n") == 3


def test_an_unchanged_run_is_not_rendered_again(run):
    lines = RunLines(run)
    first = lines.render(EVERYTHING)
    run.latest_scalars = {"loss": 1.0}
    assert lines.render(EVERYTHING) is first
    run.version += 1
    assert lines.render(EVERYTHING) is not first


def test_a_new_tensor_table_gives_new_labels(run):
    give_tensors(run, [1.0])
    lines = RunLines(run)
    rendered(lines, families.TENSOR_GRADIENT_NORM)
    give_tensors(run, [2.0], ["dense/bias"])
    assert 'tensor="dense/bias"' in rendered(lines, families.TENSOR_GRADIENT_NORM)


def test_an_update_is_told_as_a_share_of_its_tensor(run):
    give_tensors(run, [1.0, 1.0, 1.0])
    run.latest_norms["update_norm"] = np.array([0.5, 0.0, 0.1], dtype=np.float32)
    run.latest_norms["weight_norm"] = np.array([2.0, 0.0, 0.0], dtype=np.float32)
    run.version += 1
    values = [line.rpartition(" ")[2] for line in rendered(RunLines(run), families.TENSOR_UPDATE_RATIO).splitlines()]
    assert values == ["0.25", "NaN", "+Inf"]


def test_a_run_without_update_norms_has_no_ratios(run):
    give_tensors(run, [1.0])
    assert rendered(RunLines(run), families.TENSOR_UPDATE_RATIO) == ""


def test_an_incident_tells_what_its_newest_reproduction_said(run):
    observe_loss(run, 1, math.nan)
    [incident] = run.incidents
    run.learn(incident.id, ReproductionLink(verdict=ReproductionVerdict(kind=VERDICT_KIND_REMEDY_FOUND)))
    assert 'verdict="remedy_found"' in rendered(RunLines(run), families.INCIDENT)
