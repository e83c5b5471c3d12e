"""A real training, its real client and a real service that is killed again and again, or that never comes up."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import keras
import numpy as np
import pytest
from keras import layers

import paramedic
from paramedic.integrations.keras import Monitor
from paramedic.v1 import diagnosis_pb2_grpc
from paramedic.v1.diagnosis_pb2 import GetTelemetryRequest, ListFindingsRequest
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import TENSOR_SIGNAL_GRADIENT_NORM
from support.command import Service, serving
from support.postgres import free_port

KILLS = 20
STEPS_PER_EPOCH = 50
MOST_EPOCHS = 2000


class EndOfEpoch(keras.callbacks.Callback):
    """Ends the training after the first epoch that satisfies a condition, and counts epochs and seconds a step."""

    def __init__(self, enough: Callable[[int], bool]) -> None:
        super().__init__()
        self.enough = enough
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epochs = epoch + 1
        if self.enough(self.epochs):
            self.model.stop_training = True


def train(run: paramedic.Run | None, enough: Callable[[int], bool]) -> tuple[list[np.ndarray], int]:
    """Trains a plain recurrent network in whose first layer the gradients vanish; its weights, and the epochs."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(16 * STEPS_PER_EPOCH, 24, 2)).astype("float32")
    y = rng.integers(0, 4, len(x))
    model = keras.Sequential([keras.Input((24, 2))])
    for depth in range(5):
        model.add(layers.SimpleRNN(6, "sigmoid", kernel_initializer="random_normal", return_sequences=depth < 4))
    model.add(layers.Dense(4, "softmax"))
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    end = EndOfEpoch(enough)
    monitors = [] if run is None else [Monitor(run)]
    model.fit(x, y, batch_size=16, epochs=MOST_EPOCHS, shuffle=False, verbose=0, callbacks=[*monitors, end])
    return [np.array(weight) for weight in model.get_weights()], end.epochs


@contextmanager
def killed_at_random(directory: Path, port: int) -> Iterator[threading.Event]:
    """Runs a service that is killed and started again; the event tells that it was killed often enough.

    It is up when the block ends.
    """
    rng, enough, done = random.Random(0), threading.Event(), threading.Event()

    def kill() -> None:
        for _ in range(KILLS):
            with serving(directory, "--port", str(port)) as service:
                time.sleep(rng.uniform(0, 0.5))
                service.process.kill()
                service.process.wait()
        enough.set()
        with serving(directory, "--port", str(port)):
            done.wait()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield enough
    finally:
        done.set()
        thread.join()


def stored(service: Service, run: RunIdentity) -> tuple[dict[tuple[str, str], tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Every point of every series of a run, and its findings."""
    with grpc.insecure_channel(service.grpc, [("grpc.max_receive_message_length", 2**26)]) as channel:
        stub = diagnosis_pb2_grpc.DiagnosisServiceStub(channel)
        request = GetTelemetryRequest(
            run=run, scalars=["loss"], tensor_signals=[TENSOR_SIGNAL_GRADIENT_NORM], max_points=10_000
        )
        series: dict[tuple[str, str], tuple[Any, ...]] = {}
        for one in stub.GetTelemetry(request).series:
            assert one.total_points <= 10_000
            series[one.signal, one.tensor] = (list(one.steps), list(one.values))
        findings = stub.ListFindings(ListFindingsRequest(project=run.project)).findings
        return series, sorted((f.rule, f.opened_step, f.last_step, f.violations, f.summary) for f in findings)


@pytest.fixture
def port() -> int:
    return free_port()


def test_a_service_killed_twenty_times_costs_no_step_no_finding_and_no_bit_of_the_weights(
    tmp_path: Path, port: int
) -> None:
    for name in ("killed", "undisturbed"):
        (tmp_path / name).mkdir()
    identity = RunIdentity(project="survival", id="run")
    with killed_at_random(tmp_path / "killed", port) as enough:
        run = begin(f"127.0.0.1:{port}", tmp_path)
        weights, epochs = train(run, lambda _: enough.is_set())
        run.finish(timeout=60)
    assert run.dropped == {}
    with serving(tmp_path / "killed") as service:
        survived, findings = stored(service, identity)

    with serving(tmp_path / "undisturbed") as service:
        run = begin(service.grpc, tmp_path)
        same_weights, _ = train(run, lambda epoch: epoch == epochs)
        run.finish(timeout=60)
        expected, same_findings = stored(service, identity)

    assert survived["loss", ""][0] == list(range(1, epochs * STEPS_PER_EPOCH + 1))
    assert survived == expected
    assert findings == same_findings
    assert "vanishing_gradient" in {finding[0] for finding in findings}
    for weight, same in zip(weights, same_weights, strict=True):
        assert np.array_equal(weight, same)


def test_without_a_service_the_training_is_the_same_and_sync_delivers_everything_later(
    tmp_path: Path, port: int
) -> None:
    run = begin(f"127.0.0.1:{port}", tmp_path)
    weights, _ = train(run, lambda epoch: epoch == 4)
    run.finish(timeout=0.5)
    bare, _ = train(None, lambda epoch: epoch == 4)
    for weight, same in zip(weights, bare, strict=True):
        assert np.array_equal(weight, same)

    with serving(tmp_path) as service:
        report = paramedic.sync(tmp_path / "spool", service.grpc)
        assert [(one.error, one.lost) for one in report.runs] == [(None, ())]
        series, findings = stored(service, RunIdentity(project="survival", id="run"))
    assert series["loss", ""][0] == list(range(1, 4 * STEPS_PER_EPOCH + 1))
    assert "vanishing_gradient" in {finding[0] for finding in findings}


def begin(url: str, directory: Path) -> paramedic.Run:
    """Begins the run that both tests train."""
    return paramedic.init("survival", id="run", attempt=0, url=url, mode="online", spool_dir=directory / "spool")
