"""Attempts to connect grow rarer, and leave the training's random numbers alone."""

import random

from paramedic.backoff import CEILING, INITIAL, Backoff


def test_delays_double_up_to_the_ceiling_and_begin_anew_after_a_success() -> None:
    backoff = Backoff()
    bounds = [min(INITIAL * 2**attempt, CEILING) for attempt in range(12)]
    assert all(bound / 2 <= backoff.delay() <= bound for bound in bounds)
    backoff.reset()
    assert backoff.delay() <= INITIAL


def test_jitter_does_not_draw_from_the_generator_that_trainings_are_seeded_by() -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    Backoff().delay()
    assert random.random() == expected
