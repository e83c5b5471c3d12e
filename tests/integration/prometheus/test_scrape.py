import math

import numpy as np
import pytest

from paramedic.v1.description_pb2 import RunDescription, Tensor
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import (
    TENSOR_SIGNAL_GRADIENT_NORM,
    ScalarColumn,
    StepBatch,
    StreamTelemetryRequest,
    TensorBlock,
)
from support.command import serving
from support.prometheus import binary, check_metrics, scraping


def log(loss, norms):
    tensors = [Tensor(name=f"lstm/kernel_{index}", layer="lstm") for index in range(len(norms))]
    yield StreamTelemetryRequest(sequence=1, description=RunDescription(tensors=tensors))
    yield StreamTelemetryRequest(
        sequence=2,
        batch=StepBatch(
            steps=[7],
            times=[1_700_000_000.5],
            scalars=[ScalarColumn(name="loss", values=[loss]), ScalarColumn(name="accuracy", values=[0.75])],
            tensors=[TensorBlock(signal=TENSOR_SIGNAL_GRADIENT_NORM, values=norms)],
        ),
    )


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    binary("prometheus")
    with serving(tmp_path_factory.mktemp("service")) as service:
        service.report(RunIdentity(project="digits", id="healthy"), log(0.25, [3.0, 4.0]))
        service.report(RunIdentity(project="digits", id="ruined"), log(math.nan, [math.inf, 1.0]))
        service.report(RunIdentity(project="digits", id='odd "name"\\{é}, 100%', attempt=1, rank=2), log(1.0, [1.0]))
        assert check_metrics(service.metrics().encode()) == ""
        with scraping(service.http.removeprefix("http://"), tmp_path_factory.mktemp("prometheus")) as prometheus:
            prometheus.wait_for("paramedic_run_info")
            yield prometheus


def value_of(prometheus, expression):
    [series] = prometheus.wait_for(expression)
    return float(series["value"][1])


def test_the_scrape_succeeds(prometheus):
    [target] = prometheus.targets()
    assert (target["health"], target["lastError"]) == ("up", "")


def test_a_runs_loss_norm_step_and_time_are_what_it_reported(prometheus):
    assert value_of(prometheus, 'paramedic_run_loss{run="healthy"}') == 0.25
    assert value_of(prometheus, 'paramedic_run_gradient_norm{run="healthy"}') == 5
    assert value_of(prometheus, 'paramedic_run_step{run="healthy"}') == 7
    assert value_of(prometheus, 'paramedic_run_last_report_timestamp_seconds{run="healthy"}') == 1_700_000_000.5
    assert value_of(prometheus, 'paramedic_run_scalar{run="healthy",signal="accuracy"}') == 0.75
    assert value_of(prometheus, 'paramedic_run_tensor_gradient_norm{run="healthy",tensor="lstm/kernel_1"}') == 4


def test_a_loss_of_nan_is_found_by_its_being_unlike_itself(prometheus):
    [series] = prometheus.wait_for("paramedic_run_loss != paramedic_run_loss")
    assert series["metric"]["run"] == "ruined"
    assert math.isnan(float(series["value"][1]))


def test_infinite_gradients_stay_infinite(prometheus):
    assert value_of(prometheus, 'paramedic_run_tensor_gradient_norm{run="ruined"} > 1e308') == np.inf


def test_open_findings_can_be_alerted_on(prometheus):
    [series] = prometheus.wait_for('paramedic_run_findings{rule="nonfinite_loss"} > 0')
    assert (series["metric"]["run"], series["metric"]["severity"]) == ("ruined", "critical")
    assert prometheus.query('paramedic_run_findings{run="healthy"}') == []


def test_names_arrive_as_they_were(prometheus):
    [series] = prometheus.wait_for('paramedic_run_info{attempt="1"}')
    assert series["metric"]["run"] == 'odd "name"\\{é}, 100%'
    assert series["metric"]["rank"] == "2"


def test_the_services_own_metrics_are_there(prometheus):
    assert value_of(prometheus, "paramedic_ingest_rows_total") == 3
    assert value_of(prometheus, 'paramedic_exposition_series_dropped{family="paramedic_run_scalar"}') == 0
