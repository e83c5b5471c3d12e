import logging
from typing import Any

import numpy as np
import pytest

from support.telemetry_service import TelemetryService
from support.waiting import wait_until


def test_a_service_that_takes_no_samples_is_said_once_and_the_telemetry_goes_on(
    service: TelemetryService, begin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = begin()
    with caplog.at_level(logging.WARNING, "paramedic"):
        run.share_sample(np.zeros((10, 2)), np.zeros(10))
        wait_until(lambda: any("the sample was not shared" in record.getMessage() for record in caplog.records))
        run.log(1, loss=0.5)
        run.finish()

    [said] = [record.getMessage() for record in caplog.records]
    assert "UNIMPLEMENTED" in said
    assert run.dropped == {}


def test_a_service_that_never_comes_costs_a_finishing_run_no_more_than_its_time(
    begin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    run = begin(url="127.0.0.1:1")
    with caplog.at_level(logging.WARNING, "paramedic"):
        run.share_sample(np.zeros((10, 2)), np.zeros(10))
        run.finish()

    assert any("the run ended before the service had it" in record.getMessage() for record in caplog.records)


def test_nothing_is_shared_before_the_service_knows_the_run(
    service: TelemetryService, begin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service.faults.mute = True
    run = begin()
    with caplog.at_level(logging.WARNING, "paramedic"):
        run.share_sample(np.zeros((10, 2)), np.zeros(10))
        run.finish(timeout=1.5)

    said = [record.getMessage() for record in caplog.records]
    assert any("the run ended before the service had it" in each for each in said)
    assert not any("UNIMPLEMENTED" in each for each in said)
