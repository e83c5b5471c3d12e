"""Which steps of a loop are measured."""

from types import SimpleNamespace

import pytest

import paramedic.integrations.cadence
from paramedic.integrations.cadence import FIRST, LONGEST, Cadence, timed

STEPS = 1000


class Loop:
    """Steps of a length, in seconds, each measured as the cadence says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cost: float, begun: int = 0) -> None:
        monkeypatch.setattr(paramedic.integrations.cadence, "time", SimpleNamespace(perf_counter=lambda: self.now))
        self.now = 0.0
        self.cadence = Cadence()
        self.step = begun
        self.measured: list[int] = []
        self._cost = cost
        self._rest = 0

    def take(self, steps: int, length: float, pauses: int = 0) -> list[int]:
        """Takes steps, and returns those that were measured; every so many, there is a minute's pause."""
        before = len(self.measured)
        for _ in range(steps):
            self.step += 1
            self.now += length
            if pauses and self.step % pauses == 0:
                self.now += 60
            if self._rest:
                self._rest -= 1
                continue
            self.measure()
            self.measured.append(self.step)
            self._rest = self.cadence.rest(self.step)
        return self.measured[before:]

    @timed
    def measure(self) -> None:
        self.now += self._cost


def test_all_steps_are_measured_where_that_is_cheap(monkeypatch):
    assert Loop(monkeypatch, cost=0.00002).take(STEPS, 0.01) == list(range(1, STEPS + 1))


@pytest.mark.parametrize(("cost", "interval"), [(0.00009, 2), (0.00011, 4), (0.001, 32), (1.0, LONGEST)])
def test_short_steps_are_measured_so_that_it_takes_a_small_share_of_the_time(monkeypatch, cost, interval):
    measured = Loop(monkeypatch, cost).take(STEPS, 0.01)
    first = FIRST + 1
    assert measured[:first] == list(range(1, first + 1))
    assert measured[first:] == list(range(first - first % interval + interval, STEPS + 1, interval))


def test_a_training_that_goes_on_is_measured_at_first_as_one_that_begins(monkeypatch):
    measured = Loop(monkeypatch, cost=1.0, begun=5000).take(200, 0.01)
    assert measured == [*range(5001, 5066), 5120, 5184]


def test_pauses_are_no_part_of_a_step(monkeypatch):
    loop = Loop(monkeypatch, cost=0.001)
    loop.take(STEPS, 0.01)
    assert all(step % 32 == 0 for step in loop.take(STEPS, 0.01, pauses=100))


def test_steps_that_become_longer_are_measured_more_often(monkeypatch):
    loop = Loop(monkeypatch, cost=0.001)
    loop.take(STEPS, 0.01)
    assert loop.take(2 * STEPS, 1.0)[-100:] == list(range(3 * STEPS - 99, 3 * STEPS + 1))
