"""Thinned series keep what people look for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from paramedic_service.thinning import Span, Thinner, thin

VALUES = st.floats(allow_nan=True, allow_infinity=True, width=32)


@st.composite
def series(draw, max_size=200):
    gaps = draw(st.lists(st.integers(0, 5), min_size=1, max_size=max_size))
    values = draw(npst.arrays(np.float64, len(gaps), elements=VALUES))
    return np.cumsum(gaps, dtype=np.int64) + draw(st.integers(0, 2**52)), values


def points(steps, values):
    return list(zip(steps.tolist(), [repr(value) for value in values.tolist()], strict=True))


@given(series(), st.integers(1, 50))
def test_every_bucket_keeps_its_ends_and_extremes(data, width):
    steps, values = data
    kept_steps, kept_values = thin(steps, values, int(steps[0]), width)
    for bucket in np.unique((steps - steps[0]) // width):
        before = values[(steps - steps[0]) // width == bucket]
        after = kept_values[(kept_steps - steps[0]) // width == bucket]
        np.testing.assert_array_equal(after[[0, -1]], before[[0, -1]])
        finite = before[np.isfinite(before)]
        if len(finite):
            left = after[np.isfinite(after)]
            assert (left.min(), left.max()) == (finite.min(), finite.max())


@given(series(), st.integers(1, 50))
def test_every_change_between_finite_and_not_survives(data, width):
    steps, values = data
    kept = points(*thin(steps, values, int(steps[0]), width))
    finite = np.isfinite(values)
    everything = points(steps, values)
    for index in np.flatnonzero(finite[1:] != finite[:-1]):
        assert everything[index] in kept
        assert everything[index + 1] in kept


@given(series(), st.integers(1, 50))
def test_nothing_is_invented_and_order_is_kept(data, width):
    steps, values = data
    remaining = iter(points(steps, values))
    assert all(point in remaining for point in points(*thin(steps, values, int(steps[0]), width)))


@given(series(), st.integers(1, 50), st.integers(0, 200))
def test_thinning_in_parts_is_thinning_at_once(data, width, cut):
    steps, values = data
    start = int(steps[0])
    head = thin(steps[:cut], values[:cut], start, width)
    joined = np.concatenate((head[0], steps[cut:])), np.concatenate((head[1], values[cut:]))
    assert points(*thin(*joined, start, width)) == points(*thin(steps, values, start, width))


def test_a_short_series_is_left_as_it_is():
    thinner = Thinner(1, Span.over(0, 99, 100), 100)
    thinner.add(np.arange(100), np.arange(100.0)[:, None])
    [(steps, _)] = thinner.result()
    assert len(steps) == 100


@pytest.mark.parametrize("rows", [1_000, 100_000])
def test_a_long_series_fits_and_keeps_its_one_spike(rows):
    values = np.zeros((rows, 2))
    values[rows // 3, 1] = 9.0
    thinner = Thinner(2, Span.over(0, rows - 1, 100), 100)
    for start in range(0, rows, 500):
        thinner.add(np.arange(start, start + 500), values[start : start + 500])
    flat, spiked = thinner.result()
    assert len(flat[0]) <= 100
    assert len(spiked[0]) <= 100
    assert spiked[0][np.argmax(spiked[1])] == rows // 3
    assert thinner.total == rows


def test_spans_hold_for_the_largest_steps():
    span = Span.over(0, 2**53, 4)
    steps = np.array([0, 2**52, 2**53])
    assert len(thin(steps, np.zeros(3), span.start, span.width)[0]) >= 2
