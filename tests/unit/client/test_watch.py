"""The host's side of a watch, whatever framework it is of."""

from typing import Any

import pytest

import paramedic
from paramedic.integrations.recorded import Recorded
from paramedic.integrations.watch import Watch
from support.spooled import Told


class Listing(Watch):
    """Keeps losses in a list until they are fetched."""

    def __init__(self, run: paramedic.Run, every: int = 64) -> None:
        self.losses: list[float] = []
        super().__init__(run, 0, every)

    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        self.losses.append(loss)
        self._stepped()

    def _recorded(self) -> Recorded | None:
        losses, self.losses = self.losses, []
        return Recorded(len(losses), {"loss": (losses, None)}) if losses else None

    def _detach(self) -> None:
        pass


class Failing(Listing):
    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        raise RuntimeError("a defect of ours")


@pytest.fixture
def run(tmp_path):
    run = paramedic.init("watched", mode="offline", spool_dir=tmp_path)
    yield run
    run.finish()


def told(run: paramedic.Run, tmp_path: Any) -> Told:
    run.finish()
    assert run.dropped == {}
    return Told(next(tmp_path.glob("*/*")))


def test_what_waits_is_reported_when_the_run_ends(run, tmp_path):
    watch = Listing(run)
    for loss in (3.0, 2.0):
        watch.log(loss=loss)
    assert told(run, tmp_path).scalar("loss") == {1: 3.0, 2: 2.0}


def test_what_waits_is_reported_before_the_error_that_ended_the_loop(run, tmp_path):
    watch = Listing(run)
    watch.log(loss=3.0)
    run.error(ValueError("too bad"))
    assert told(run, tmp_path).order[-3:] == ["batch", "error", "finish"]


def test_a_second_watch_goes_on_behind_the_steps_that_wait_in_the_first(run, tmp_path):
    first = Listing(run)
    first.log(loss=3.0)
    second = Listing(run)
    second.log(loss=2.0)
    assert told(run, tmp_path).scalar("loss") == {1: 3.0, 2: 2.0}


def test_a_validation_belongs_to_the_steps_before_it(run, tmp_path):
    watch = Listing(run)
    watch.log(loss=3.0)
    watch.epoch_ended(val_loss=2.5)
    watch.log(loss=2.0)
    said = told(run, tmp_path)
    assert said.scalar("val_loss") == {1: 2.5}
    assert said.scalar("loss") == {1: 3.0, 2: 2.0}


def test_steps_are_fetched_when_there_are_enough(run, tmp_path):
    watch = Listing(run, every=2)
    for loss in (3.0, 2.0, 1.0):
        watch.log(loss=loss)
    assert watch.losses == [1.0]


def test_a_defect_of_ours_is_said_once_and_the_loop_goes_on(run, tmp_path, caplog):
    watch = Failing(run)
    for _ in range(3):
        watch.log(loss=1.0)
    assert watch.off
    assert caplog.text.count("goes on without it") == 1


def test_a_run_that_ended_is_watched_no_more(run, tmp_path):
    watch = Listing(run)
    run.finish()
    watch.log(loss=3.0)
    assert watch.losses == []
    assert run.dropped == {}


def test_what_is_no_model_is_said_once_and_its_watch_does_nothing(run, caplog):
    watch = run.watch(object())
    watch.log(loss=1.0)
    watch.epoch_ended(val_loss=1.0)
    watch.remove()
    assert watch.step == 0
    assert "no torch.nn.Module" in caplog.text
