"""The report stands between the markers of a page, and leaves the rest of the page alone."""

from pathlib import Path

import pytest

from corpus.alarm import Alarm
from corpus.judged import Judged, Label
from corpus.scores import score
from corpus.table import BEGIN, END, rewrite, summary


def test_only_what_is_between_the_markers_changes(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rewrite(page, "new")
    rewrite(page, "newer")
    assert page.read_text() == f"before\n{BEGIN}\nnewer\n{END}\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"{END} and {BEGIN}")
    with pytest.raises(ValueError, match="has no lines"):
        rewrite(page, "new")
    assert page.read_text() == f"{END} and {BEGIN}"


def test_what_was_never_found_reads_so() -> None:
    label = Label("id", "p", "mlp", "tuning", "f", ("stalled",), 0, 1, 1)
    found, missed = Judged(label, (Alarm("x", 7, ("stalled",)),)), Judged(label, ())
    assert "| 7 (7.0 epochs) |" in summary({"us": score([found])}, {}, score([found]), "reporting")
    assert "| never (never epochs) |" in summary({"us": score([missed])}, {}, score([missed]), "reporting")


def test_what_an_exception_ended_is_counted_apart() -> None:
    silent = Judged(Label("id", "p", "mlp", "tuning", "f", ("stalled",), 0, 1, 1), ())
    loud = Judged(
        Label("id", "p", "mlp", "tuning", "f", ("stalled",), 0, 1, 1, "ValueError"), (Alarm("x", 0, ("stalled",)),)
    )
    text = summary({"us": score([silent, loud])}, {}, score([silent]), "tuning")
    assert "| us | 0.50" in text
    assert "1 of the faulty runs ended with an exception. Of the others Paramedic finds 0.00" in text
