"""The order in which samples are seen."""

import numpy as np
import pytest

from paramedic_service.reproduction.worker.order import batches


def test_every_epoch_sees_every_sample_once_in_an_order_of_its_own():
    order = batches(12, 4, 6, seed=0)
    assert order.shape == (6, 4)
    first, second = order[:3].ravel(), order[3:].ravel()
    assert sorted(first) == sorted(second) == list(range(12))
    assert list(first) != list(second)


@pytest.mark.parametrize("samples", [4, 5, 7])
def test_what_fills_no_last_batch_waits_for_the_next_epoch(samples):
    order = batches(samples, 4, 3, seed=0)
    assert order.shape == (3, 4)
    assert all(len(set(step)) == 4 for step in order.tolist())


def test_a_seed_has_its_order_and_a_longer_training_begins_like_a_shorter_one():
    assert np.array_equal(batches(10, 3, 4, seed=1), batches(10, 3, 8, seed=1)[:4])
    assert not np.array_equal(batches(10, 3, 4, seed=1), batches(10, 3, 4, seed=2))
