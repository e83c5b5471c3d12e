"""A past run on disk is one like any other, and always has the same id."""

import numpy as np
import pytest

from paramedic.past.importing import spool
from paramedic.past.reading import read
from paramedic.past.run import PastRunError
from paramedic.past.writing import identifier
from support.spooled import Told


def told(source, tmp_path):
    (directory,) = spool(source, "past", None, tmp_path)
    return Told(directory)


def test_every_epoch_ends(tmp_path):
    past = told({"loss": [3.0, 2.0], "val_loss": [3.5, 3.0]}, tmp_path)
    assert past.scalar("val_loss") == {0: 3.5, 1: 3.0}
    assert past.order[-6:] == ["training_began", "batch", "epoch_ended", "batch", "epoch_ended", "finish"]


def test_a_long_run_goes_into_requests_of_a_mebibyte(tmp_path):
    values = np.linspace(3, 1, 200_000)
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n" + "\n".join(f"{step},{value}" for step, value in enumerate(values)))
    past = told(path, tmp_path / "spool")
    assert len(past.batches) > 2
    assert list(past.scalar("loss")) == list(range(len(values)))
    assert past.scalar("loss")[199_999] == 1


def test_importing_again_writes_nothing_again(tmp_path):
    assert spool({"loss": [1.0]}, "past", None, tmp_path) == spool({"loss": [1.0]}, "past", None, tmp_path)
    assert told({"loss": [1.0]}, tmp_path).order.count("batch") == 1


def test_another_run_has_another_id():
    (first,), (second,) = read({"loss": [1.0]}), read({"loss": [1.5]})
    assert identifier(first) == identifier(read({"loss": [1.0]})[0]) != identifier(second)


def test_a_run_without_numbers_writes_nothing(tmp_path):
    with pytest.raises(PastRunError):
        spool({"loss": []}, "past", None, tmp_path)
    assert not list(tmp_path.iterdir())
