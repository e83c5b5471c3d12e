from pathlib import Path

import numpy as np
import pytest

from paramedic.sample import sample_of
from paramedic.v1.reproduction_pb2 import DataSource
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import ShareSampleRequest
from paramedic_service.reproduction.data import DataError, Samples, draw
from paramedic_service.reproduction.data.shared import write_shared
from paramedic_service.reproduction.plan import Limits
from paramedic_service.rules.description import Description

RUN = RunIdentity(project="project", id="run")


def written(path: Path, x, y) -> Path:
    """The file that comes of a sample as a client sends it."""
    header, *contents = map(ShareSampleRequest.FromString, sample_of(x, y).requests(RUN))
    write_shared(path, header.header.SerializeToString(), b"".join(part.contents for part in contents))
    return path


def drawn(path: Path | None, seed: int = 0, limits: Limits | None = None) -> Samples:
    return draw(DataSource(shared=RUN), Description(), seed, limits or Limits(), path)


def test_what_a_client_shares_is_what_a_training_reads(tmp_path: Path) -> None:
    x = {"left": np.arange(300.0, dtype=np.float32).reshape(100, 3), "right": np.arange(100)}
    y = np.arange(100, dtype=np.uint8) % 3

    samples = drawn(written(tmp_path / "sample", x, y))

    left, right = (np.concatenate(pair) for pair in zip(samples.inputs, samples.held_inputs, strict=True))
    target = np.concatenate([samples.targets[0], samples.held_targets[0]])
    order = np.argsort(right)
    assert np.array_equal(left[order], x["left"])
    assert np.array_equal(target[order], y)
    assert len(samples.held_inputs[0]) == 20
    assert [array.dtype for array in (*samples.inputs, *samples.targets)] == ["float32", "int64", "uint8"]


def test_samples_that_are_not_finite_are_trained_on_and_never_held_out(tmp_path: Path) -> None:
    x = np.zeros((50, 2))
    x[::2] = np.nan

    samples = drawn(written(tmp_path / "sample", x, np.arange(50.0)))

    assert np.isnan(samples.inputs[0]).any(1).sum() == 25
    assert np.isfinite(samples.held_inputs[0]).all()


def test_no_more_samples_are_read_than_allowed(tmp_path: Path) -> None:
    path = written(tmp_path / "sample", np.zeros((500, 2)), np.zeros(500))

    samples = drawn(path, limits=Limits(samples=100))

    assert samples.count + len(samples.held_inputs[0]) == 100


def test_a_run_that_shared_nothing_is_said() -> None:
    with pytest.raises(DataError, match=r"shared no sample; call run\.share_sample"):
        drawn(None)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "sample", np.zeros((50, 2)), np.zeros(50))
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(DataError, match=r"cannot be read.*share the sample again"):
        drawn(path)
