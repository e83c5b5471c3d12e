"""What the service makes of the rows of several ranks before it writes anything down."""

import numpy as np
import pytest

from paramedic_service.ingest import replicas
from paramedic_service.ingest.pace import MOST_STEPS, STEPS, Pace, PaceComparison
from paramedic_service.ingest.replicas import Difference, ReplicaComparison
from paramedic_service.rules.telemetry import BUSY_SECONDS, WEIGHT_NORM, Block, Column, Rows


def timed(first, last, seconds, busy=None, every=1):
    steps = np.arange(first, last, every)
    scalars = {} if busy is None else {BUSY_SECONDS: Column(np.full(len(steps), busy))}
    return Rows(steps, 1e9 + seconds * steps, scalars)


def weighed(steps, *norms, rows=None):
    values = np.array(norms, np.float32)
    return Rows(np.array(steps), np.arange(len(steps), dtype=float), {}, {WEIGHT_NORM: Block(values, rows)})


def compared(*rows):
    comparison = PaceComparison()
    for rank, each in enumerate(rows):
        comparison.take(rank, each)
    return comparison.compare(range(len(rows)))


def test_ranks_are_compared_with_the_median_the_lower_of_two():
    paces = compared(timed(0, 20, 0.1), timed(0, 20, 0.3))
    assert paces[1].seconds == pytest.approx(0.3)
    assert paces[1].median == pytest.approx(0.1)
    assert compared(*(timed(0, 20, 1, busy=busy) for busy in (0.1, 0.5, 0.3)))[1] == Pace(0.5, 0.3, 3)


def test_time_spent_working_counts_where_it_is_told_and_not_beside_time_that_includes_waiting():
    assert compared(timed(0, 20, 1, busy=0.1), timed(0, 20, 1, busy=0.9))[1] == Pace(0.9, 0.1, 2)
    assert compared(timed(0, 20, 1, busy=0.1), timed(0, 20, 1)) == {}
    paces = compared(timed(0, 20, 1, busy=0.1), timed(0, 20, 1, busy=0.2), timed(0, 20, 1), timed(0, 20, 3))
    assert {rank: pace.ranks for rank, pace in paces.items()} == {0: 2, 1: 2, 2: 2, 3: 2}
    assert paces[3].median == pytest.approx(1)


def test_steps_that_are_not_all_reported_take_their_share_of_the_time_between():
    paces = compared(timed(0, 2000, 0.1, every=100), timed(0, 20, 0.1))
    assert paces[0].seconds == pytest.approx(0.1)


def test_rows_after_the_first_of_a_step_are_no_step():
    rows = timed(0, 20, 0.1)
    steps, times = np.repeat(rows.steps, 2), np.repeat(rows.times, 2)
    times[1::2] += 0.09  # a validation that is logged apart
    paces = compared(Rows(steps, times), timed(0, 20, 0.1))
    assert paces[0].seconds == pytest.approx(0.01)
    assert paces[1].seconds == pytest.approx(0.1)


def test_a_comparison_waits_for_every_rank_and_begins_anew_behind_it():
    comparison = PaceComparison()
    comparison.take(0, timed(0, 100, 0.1))
    comparison.take(1, timed(0, STEPS, 0.1))
    assert comparison.compare([0, 1]) == {}
    comparison.take(1, timed(STEPS, STEPS + 1, 0.1))
    assert len(comparison.compare([0, 1])) == 2
    assert comparison.compare([0, 1]) == {}


def test_a_rank_that_is_gone_is_not_waited_for_and_one_alone_is_not_compared():
    comparison = PaceComparison()
    for rank in (0, 1, 2):
        comparison.take(rank, timed(0, 20 if rank < 2 else 2, 0.1))
    assert len(comparison.compare([0, 1])) == 2
    comparison.take(0, timed(20, 40, 0.1))
    assert comparison.compare([0]) == {}


def test_times_that_are_none_are_left_out_and_those_kept_are_bounded():
    rows = timed(0, 1000, 1, busy=0.1)
    rows.scalars[BUSY_SECONDS].values[::2] = np.nan
    comparison = PaceComparison()
    comparison.take(0, rows)
    assert len(comparison._ranks[0].seconds) == MOST_STEPS
    comparison.take(1, timed(0, 20, 1, busy=0.1))
    assert comparison.compare([0, 1])[0] == Pace(0.1, 0.1, 2)


def test_rows_that_tell_no_time_spent_working_forget_none_that_was_told():
    comparison = PaceComparison()
    for rank, busy in ((0, 0.1), (1, 0.9)):
        comparison.take(rank, timed(0, 10, 1, busy=busy))
        comparison.take(rank, timed(9, 10, 1))  # a validation that is logged apart
        comparison.take(rank, timed(10, 20, 1, busy=busy))
    assert comparison.compare([0, 1])[1] == Pace(0.9, 0.1, 2)


def replicas_of(*tables, ranks=None):
    """The last difference found, of ranks that report rows in turn."""
    comparison = ReplicaComparison()
    found = None
    for rank, rows in enumerate(tables):
        found = comparison.take(rank, rows, range(len(tables)) if ranks is None else ranks) or found
    return found


def test_replicas_are_compared_at_the_latest_step_that_all_have_told():
    first = weighed([0, 1, 2], [5, 1], [5, 1], [5, 1])
    second = weighed([0, 1], [5, 1], [4, 1])
    assert replicas_of(first, second) == Difference(1, 0, pytest.approx(0.2), 2, (1,))
    assert replicas_of(first, first) == Difference(2, 0, 0.0, 2, ())
    assert replicas_of(first, weighed([7], [5, 1])) is None


def test_sparse_norms_are_compared_at_the_steps_that_have_them():
    sparse = weighed(range(10), [5, 1], [6, 1], rows=np.array([3, 7]))
    assert replicas_of(sparse, weighed([7], [6, 2])) == Difference(7, 1, 0.5, 2, (1,))


@pytest.mark.parametrize(
    ("norms", "difference", "differing"),
    [
        ([5, 5, 4, 5], 0.2, (2,)),
        ([5.00001, 5, 4, 5.00001], 0.2, (2,)),
        ([1, 2, 3, 4], 0.75, (1, 2, 3)),
        ([5, np.nan, 5, 5], np.inf, (1,)),
        ([np.nan] * 4, 0.0, ()),
        ([np.inf] * 4, 0.0, ()),
        ([0, 0, 0, 0], 0.0, ()),
        ([0, 0, 0, 1], 1.0, (3,)),
    ],
    ids=str,
)
def test_those_that_are_not_as_most_are_differ(norms, difference, differing):
    found = replicas_of(*(weighed([0], [norm]) for norm in norms))
    assert (found.difference, found.differing) == (pytest.approx(difference, rel=1e-4), differing)


def test_ranks_with_other_tensors_are_no_replicas():
    assert replicas_of(weighed([0], [5, 1]), weighed([0], [5])) is None
    assert replicas_of(weighed([0], [5]), weighed([0], [4]), ranks=[0]) is None


def test_norms_that_wait_for_other_ranks_are_bounded_and_those_compared_are_forgotten(monkeypatch):
    monkeypatch.setattr(replicas, "MAX_BYTES", 80)
    comparison = ReplicaComparison()
    assert comparison.take(0, weighed(range(100), *[[5.0]] * 100), [0, 1]) is None
    assert (len(comparison._norms[0]), comparison._bytes) == (20, 80)
    assert comparison.take(1, weighed([10], [5.0]), [0, 1]) is None, "given up"
    assert comparison.take(1, weighed([99], [5.0]), [0, 1]) == Difference(99, 0, 0.0, 2, ())
    assert comparison._bytes == 0
    comparison.take(0, weighed([100], [5.0]), [0, 1])
    comparison.take(1, weighed([100], [5.0]), [1])
    assert (list(comparison._norms), comparison._bytes) == ([1], 0), "what is gone is forgotten"
