"""Runs and ranks as people write and read them."""

import pytest

from paramedic.v1.run_pb2 import RunIdentity
from paramedic_service.cli import identity


@pytest.mark.parametrize(
    ("ranks", "words"),
    [
        ([3], "3"),
        ([1, 0], "0 and 1"),
        ([0, 1, 2], "0 to 2"),
        ([5, 0, 3], "0, 3 and 5"),
        (range(8, 64), "8 to 63"),
    ],
)
def test_ranks_are_listed_in_words(ranks, words):
    assert identity.listed(ranks) == words


def test_a_label_tells_attempt_and_ranks_where_they_are_not_the_first():
    run = RunIdentity(project="p", id="r", attempt=1, rank=2)
    assert identity.label(run) == identity.label_of_ranks(run, [2]) == "p/r attempt 1 rank 2"
    assert identity.label_of_ranks(run, [2, 0]) == "p/r attempt 1, ranks 0 and 2"
    assert identity.label(RunIdentity(project="p", id="r")) == "p/r"
