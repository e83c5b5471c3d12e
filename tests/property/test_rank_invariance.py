"""However rows between the service's own entries are cut, and wherever a run is interrupted, it is told the same."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_service.ingest.snapshot import pack, unpack
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Finding
from paramedic_service.rules.ranks import RULES
from support.signals import healthy
from support.telemetry import spans

LENGTH = 200

Note = Callable[[Diagnosis, int], list[Finding]]
"""An entry of the service's own after so many rows."""

NOTES: dict[str, Note] = {
    "slow": lambda diagnosis, step: diagnosis.pace(1, 0.3, 0.1, 4, step),
    "usual": lambda diagnosis, step: diagnosis.pace(1, 0.1, 0.1, 4, step),
    "apart": lambda diagnosis, step: diagnosis.replicas("lstm/kernel", 0.02, (1,), 4, step),
    "equal": lambda diagnosis, step: diagnosis.replicas("", 0.0, (), 4, step),
    "lost": lambda diagnosis, step: diagnosis.lost(1, 5.0, 2, 1),
    "raised": lambda diagnosis, step: diagnosis.fail("RuntimeError", "gloo: Connection closed by peer", ""),
    "missed": lambda diagnosis, step: diagnosis.peer_lost(2, 7),
    "back": lambda diagnosis, step: diagnosis.returned(),
    "began": lambda diagnosis, step: diagnosis.resumed(1, 0, 500, step),
    "silent": lambda diagnosis, step: diagnosis.silence(100.0, 60.0),
    "replaced": lambda diagnosis, step: diagnosis.finish(),
}

LOG = st.lists(st.tuples(st.integers(0, LENGTH), st.sampled_from(sorted(NOTES))), max_size=25).map(sorted)
CUTS = st.lists(st.integers(1, LENGTH - 1), max_size=20)
TRAINING = healthy(LENGTH)


def folded(log: list[tuple[int, str]], cuts: list[int], interruptions: frozenset[int] = frozenset()) -> str:
    """What is found, with rows cut at the service's entries and elsewhere; restored where it is interrupted."""
    diagnosis = Diagnosis()
    found = list(diagnosis.describe(TRAINING.description))
    places = sorted({*cuts, *(place for place, _ in log if 0 < place < LENGTH)})
    for start, stop in spans(LENGTH, places):
        for place, note in log:
            if place == start:
                found += NOTES[note](diagnosis, start)
        found += diagnosis.observe(TRAINING.rows(start, stop))
        if stop in interruptions:
            diagnosis = Diagnosis.restore(unpack(pack(diagnosis.state())))
    for place, note in log:
        if place == LENGTH:
            found += NOTES[note](diagnosis, place)
    return repr((found, diagnosis.findings, diagnosis.abstentions))


@given(LOG, CUTS)
@settings(max_examples=60, deadline=None)
def test_what_is_found_among_ranks_does_not_depend_on_how_rows_are_batched(
    log: list[tuple[int, str]], cuts: list[int]
) -> None:
    assert folded(log, cuts) == folded(log, [])


@given(LOG, CUTS)
@settings(max_examples=40, deadline=None)
def test_what_is_found_among_ranks_survives_interruptions(log: list[tuple[int, str]], cuts: list[int]) -> None:
    assert folded(log, cuts, frozenset(cuts)) == folded(log, [])


def test_the_entries_exercise_every_rule() -> None:
    """Invariance of silence would prove nothing: each rule has to open under some entries."""
    log = [(10, note) for note in ("slow", "slow", "slow", "apart", "apart", "lost", "began", "raised", "missed")]
    found = folded(log, [])
    assert all(f"rule='{rule.id}'" in found for rule in RULES)
    assert "restarted_earlier" in found
    assert "Rank 2 was lost after step 7." in found
