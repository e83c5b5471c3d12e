"""Two ways of training, timed in turns: what one costs beside the other."""

import gc
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def alternate(bare: Callable[[], None], watched: Callable[[], None], pairs: int) -> np.ndarray:
    """Seconds of trainings in pairs [pairs, bare or watched, clock or processor]; both are warm by then."""
    sides = (bare, watched)
    for _ in range(2):
        for side in sides:
            side()
    times = np.empty((pairs, 2, 2))
    for pair in range(pairs):
        # Whoever comes later finds warmer caches and a busier machine: each does in turn.
        for side in (0, 1) if pair % 2 else (1, 0):
            gc.collect()  # not in the middle of either
            start = np.array([time.perf_counter(), time.process_time()])
            sides[side]()
            times[pair, side] = np.array([time.perf_counter(), time.process_time()]) - start
    return times


def over_builds(build: Callable[[], tuple[Callable[[], None], Callable[[], None]]], builds: int, pairs: int) -> Any:
    """Medians of `alternate` by build [builds, bare or watched, clock or processor].

    Two trainings of the same code differ by a percent or two by where their memory happens to lie, and go on doing so
    for as long as they live. So each build makes both anew.

    Args:
        build: Makes a bare training and one that is watched.
        builds: How often.
        pairs: Of each build.
    """
    return np.array([np.median(alternate(*build(), pairs), axis=0) for _ in range(builds)])


def overhead(name: str, times: np.ndarray) -> dict[str, float]:
    """What the watched side costs, from what `alternate` or `over_builds` returns.

    `NAME_overhead` is the median over pairs, or builds, of watched over bare, by the clock, less 1; `_low` and `_high`
    bound it with 95% confidence (order statistics). `NAME_overhead_cpu`: the same of the processor time of the process,
    which other load on the machine disturbs less.
    """
    ratios = np.sort(times[:, 1] / times[:, 0] - 1, axis=0)
    pairs = len(ratios)
    # Ranks below the lower bound: as many heads as n tosses of a coin fall short of with a probability of 2.5%.
    outside = int((pairs - 1.96 * pairs**0.5) / 2)
    return {
        f"{name}_overhead": float(np.median(ratios[:, 0])),
        f"{name}_overhead_low": float(ratios[outside, 0]),
        f"{name}_overhead_high": float(ratios[-1 - outside, 0]),
        f"{name}_overhead_cpu": float(np.median(ratios[:, 1])),
    }
