"""A run never raises, whatever it is given."""

import copy
import math
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import paramedic
from paramedic.drops import Drops
from paramedic.segment import read_segment
from paramedic.v1.description_pb2 import RunDescription, Tensor
from paramedic.v1.telemetry_pb2 import EpochEnded, StreamTelemetryRequest, TrainingBegan, TrainingEnded


@pytest.fixture
def run(tmp_path: Path) -> Iterator[paramedic.Run]:
    run = paramedic.init("p", id="r", mode="offline", spool_dir=tmp_path)
    yield run
    run.finish()


def recorded(run: paramedic.Run, root: Path) -> list[StreamTelemetryRequest]:
    """Ends an offline run and reads what it left on disk."""
    run.finish()
    entries: list[StreamTelemetryRequest] = []
    for path in sorted(root.rglob("*.spool")):
        payloads = [payload for _, payload in read_segment(path)]
        entries += [StreamTelemetryRequest.FromString(payload) for payload in payloads if isinstance(payload, bytes)]
    return [entry for entry in entries if entry.sequence]


NONSENSE: list[Any] = [
    None,
    "x",
    b"x",
    object(),
    [],
    {},
    math.nan,
    -1,
    1j,
    np.ones((2, 2)),
    [[1]],
    {"a": "b"},
    lambda: 1,
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: type(value).__name__)
def test_no_method_raises_whatever_it_is_given(run: paramedic.Run, value: Any) -> None:
    run.log(value, value, value, weight_norms=value, update_norms=value, other=value)
    run.log(0, value, value, weight_norms=value, update_norms=value, other=value)
    run.log_rows(value, value, value, value)
    run.log_rows([0], [0.0], {"a": value}, {"gradient_norm": (value, value)})
    run.log_rows([0], [0.0], {3: ([1.0], None)}, {3: ([[1.0]], None)})  # type: ignore[dict-item]
    run.describe(value)
    run.describe(tensors=value)
    run.describe(nonsense=value)
    run.event(value, value)
    run.error(value, value)
    run.finish(status=value)
    run.finish(timeout=value)
    assert run.dropped


class Hostile:
    """Raises whatever one does to it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("hostile")

    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__


def test_an_object_that_raises_at_every_touch_costs_only_itself(run: paramedic.Run, tmp_path: Path) -> None:
    run.log(0, Hostile(), Hostile(), accuracy=0.5)
    run.log(Hostile(), 1.0)  # type: ignore[arg-type]
    [batch] = [entry.batch for entry in recorded(run, tmp_path) if entry.HasField("batch")]
    assert [column.name for column in batch.scalars] == ["accuracy"]


def test_an_offline_run_is_whole_on_disk(run: paramedic.Run, tmp_path: Path) -> None:
    run.event(TrainingBegan())
    for step in range(5000):
        run.log(step, loss=float(step))
    run.event(TrainingEnded())
    entries = recorded(run, tmp_path)
    assert [step for entry in entries for step in entry.batch.steps] == list(range(5000))
    assert entries[0].HasField("description")
    assert entries[-1].HasField("finish")
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))


def test_rows_of_an_integration_arrive_as_given(run: paramedic.Run, tmp_path: Path) -> None:
    run.describe(RunDescription(tensors=[Tensor(name="a"), Tensor(name="b")]))
    values = np.array([[1, 2], [3, 4]], np.float32)
    run.log_rows(
        np.array([5, 6, 7]),
        [1.0, 2.0, 3.0],
        {"loss": (np.array([0.1, 0.2, 0.3], np.float32), None), "val_loss": ([9.0], [2])},
        {"gradient_norm": (values, np.array([0, 2]))},
    )
    values[:] = 0
    run.log(8, loss=1.0)
    first, second = [entry.batch for entry in recorded(run, tmp_path) if entry.HasField("batch")]
    assert list(first.steps) == [5, 6, 7]
    assert list(first.times) == [1.0, 2.0, 3.0]
    assert list(first.scalars[0].values) == [float(np.float32(value)) for value in (0.1, 0.2, 0.3)]
    assert (list(first.scalars[1].values), list(first.scalars[1].rows)) == ([9.0], [2])
    assert (list(first.tensors[0].values), list(first.tensors[0].rows)) == ([1, 2, 3, 4], [0, 2])
    assert list(second.steps) == [8]
    assert run.dropped == {}


@pytest.mark.parametrize(
    ("scalars", "blocks", "reason"),
    [
        ({"x": ([1.0], None)}, {}, "invalid_value"),
        ({"x": ([1.0, 2.0], [1, 0])}, {}, "invalid_value"),
        ({"x": ([1.0, 2.0], [0, 2])}, {}, "invalid_value"),
        ({"x": ([1.0], [-1])}, {}, "invalid_value"),
        ({"x": ([1.0], [0.5])}, {}, "invalid_value"),
        ({}, {"gradient_norm": ([[1.0]] * 2, None)}, "wrong_length"),
        ({}, {"gradient_norm": ([1.0, 2.0], None)}, "invalid_value"),
        ({}, {"activation_norm": ([[1.0, 2.0]] * 2, None)}, "invalid_value"),
    ],
)
def test_a_column_that_does_not_fit_costs_only_itself(
    run: paramedic.Run, tmp_path: Path, scalars: Any, blocks: Any, reason: str
) -> None:
    run.describe(RunDescription(tensors=[Tensor(name="a"), Tensor(name="b")]))
    run.log_rows([0, 1], [1.0, 2.0], {"loss": ([1.0, 2.0], None)} | scalars, blocks)
    [batch] = [entry.batch for entry in recorded(run, tmp_path) if entry.HasField("batch")]
    assert [column.name for column in batch.scalars] == ["loss"]
    assert not batch.tensors
    assert list(run.dropped) == [reason]


@pytest.mark.parametrize("steps", [[1, 0], [-1, 0], [0.5, 1.5], [2**53, 2**53 + 1]], ids=str)
def test_rows_without_usable_steps_are_counted(run: paramedic.Run, steps: list[int]) -> None:
    run.log_rows(steps, [1.0, 2.0], {"loss": ([1.0, 2.0], None)})
    assert list(run.dropped.values()) == [2]


def test_a_table_with_bad_names_is_left_out_and_the_rest_is_sent(run: paramedic.Run, tmp_path: Path) -> None:
    run.describe(RunDescription(tensors=[Tensor(name="a"), Tensor(name="a")]), training={"batch_size": 3})
    description = recorded(run, tmp_path)[1].description
    assert description.training.batch_size == 3
    assert not description.tensors
    assert run.dropped == {"invalid_value": 1}


def test_a_config_arrives_as_it_was_given(tmp_path: Path) -> None:
    config = {
        "learning_rate": np.float32(0.5),
        "layers": (64, 32),
        "nested": {"flag": True, "nothing": None},
        "path": Path("/data"),
        "huge": 2**60,
        7: "seven",
    }
    run = paramedic.init("p", id="r", mode="offline", spool_dir=tmp_path, config=config)
    sent = recorded(run, tmp_path)[0].description.config
    assert dict(sent.items())["learning_rate"] == 0.5
    assert list(sent["layers"]) == [64, 32]
    assert dict(sent["nested"]) == {"flag": True, "nothing": None}
    assert (sent["path"], sent["huge"], sent["7"]) == ("/data", str(2**60), "seven")


def test_events_carry_the_last_step(run: paramedic.Run, tmp_path: Path) -> None:
    run.event(EpochEnded(epoch=0))
    run.log(41, loss=1.0)
    run.event(EpochEnded(epoch=1))
    run.event(EpochEnded(epoch=2), step=7)
    events = [entry.event for entry in recorded(run, tmp_path) if entry.HasField("event")]
    assert [event.step if event.HasField("step") else None for event in events] == [None, 41, 7]


def test_an_error_is_cut_to_what_the_service_takes(run: paramedic.Run, tmp_path: Path) -> None:
    try:
        raise ValueError("x\ud800" * 20_000)
    except ValueError as error:
        run.error(error)
    error = next(entry.event.error for entry in recorded(run, tmp_path) if entry.HasField("event"))
    assert error.kind == "ValueError"
    assert len(error.message) == 16_384
    assert len(error.traceback) <= 65_536


def test_finishing_twice_does_no_more_than_once(run: paramedic.Run, tmp_path: Path) -> None:
    run.finish("failed")
    run.finish()
    assert sum(entry.HasField("finish") for entry in recorded(run, tmp_path)) == 1


def test_a_disabled_run_does_nothing_at_all(tmp_path: Path) -> None:
    with paramedic.init(mode="disabled", spool_dir=tmp_path) as run:
        run.log(0, loss=1.0, gradient_norms=[1.0])
        run.log_rows([1], [1.0])
        run.describe(RunDescription())
        run.event(TrainingBegan())
        run.error(ValueError())
    assert (run.findings, run.dropped, run.should_stop) == ([], {}, False)
    assert not list(tmp_path.iterdir())


def test_a_complaint_is_made_once_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    drops = Drops("p/r")
    for step in range(10):
        drops.add("invalid_value", 1, f"loss of step {step}", "loss")
        drops.add("invalid_value", 1, f"accuracy of step {step}", "accuracy")
        drops.announce()
    assert [record.getMessage().split(" (further")[0] for record in caplog.records] == [
        "run p/r: invalid_value: loss of step 0",
        "run p/r: invalid_value: accuracy of step 0",
    ]
    assert drops.totals() == {"invalid_value": 20}


def test_losses_are_reported_once() -> None:
    drops = Drops("p/r")
    drops.add("rejected", 3)
    assert drops.take_unreported() == {"rejected": 3}
    assert drops.take_unreported() == {}
    drops.add("rejected", 1)
    assert drops.take_unreported() == {"rejected": 1}
    assert drops.totals() == {"rejected": 4}


def test_importing_the_client_imports_no_framework_and_starts_no_thread() -> None:
    script = """
import sys, threading
import paramedic
heavy = {"tensorflow", "keras", "torch", "jax", "paramedic_service", "pandas", "sklearn"} & set(sys.modules)
print(sorted(heavy), threading.active_count())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[] 1\n"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))], ids=["copy", "pickle"])
def test_a_copy_of_a_run_does_nothing_and_knows_no_token(copied: Any, tmp_path: Path) -> None:
    """Whoever copies a model for an average of its weights, or sends a data set to a worker, may send a run along."""
    run = paramedic.init("p", id="r", mode="offline", spool_dir=tmp_path, token="secret")
    twin = copied(run)
    assert twin.identity == run.identity
    assert not twin.recording
    twin.log(0, loss=1.0)
    twin.finish()
    assert twin.dropped == {}
    assert b"secret" not in pickle.dumps(twin)
    assert not [entry for entry in recorded(run, tmp_path) if entry.HasField("batch")]
