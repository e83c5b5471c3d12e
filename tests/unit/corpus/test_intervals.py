"""Intervals of proportions and of means over programs."""

import numpy as np
import pytest

from corpus.intervals import bootstrap, wilson


def test_wilson_gives_the_published_bounds() -> None:
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)


def test_nothing_is_known_of_no_trials() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_bootstrap_draws_programs_and_not_runs() -> None:
    values = [0.0] * 50 + [1.0] * 50
    of_runs = bootstrap(values, [str(place) for place in range(100)])
    of_two_programs = bootstrap(values, ["a"] * 50 + ["b"] * 50)
    assert of_runs[0] > 0.35
    assert of_runs[1] < 0.65
    assert of_two_programs == (0.0, 1.0)


def test_the_bootstrap_takes_any_statistic() -> None:
    low, high = bootstrap([1.0, 1.0, np.inf], ["a", "b", "c"], lambda values: float(np.min(values)))
    assert low == 1.0
    assert high in (1.0, np.inf)
