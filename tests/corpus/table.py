"""The report in Markdown."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from corpus.intervals import Interval
from corpus.scores import FaultScore, RuleScore, Scores, Share
from corpus.sweep import Swept

BEGIN = "<!-- corpus: begin -->"
END = "<!-- corpus: end -->"
_APART = {
    "tuning": "that rules were tuned on",
    "reporting": "that were recorded before the rules were last tuned, and kept apart from it",
    "seen": "that were kept apart from tuning, but whose earlier reports had been read by then",
}


def summary(scores: Mapping[str, Scores], swept: Mapping[str, Swept], quiet: Scores, split: str) -> str:
    """One line a diagnostician.

    Args:
        scores: By diagnostician, ours first.
        swept: The baselines' sweeps.
        quiet: Our scores over the runs that no exception ended, which nobody needs a diagnostician to notice.
        split: Of `SPLITS`.
    """
    runs = next(iter(scores.values()))
    headings = (
        "",
        "faults found",
        "false alarms a healthy run",
        "healthy runs accused",
        "right cause first",
        "median steps to the first alarm",
        "best recall at our false alarms",
        "fewest accused at our recall",
    )
    lines = [
        (
            name,
            _share(each.recall),
            f"{each.false_alarms:.2f} {_interval(each.false_alarms_interval)}",
            _share(each.accused),
            _share(each.right_first),
            f"{_number(each.latency)} ({_number(each.latency_in_epochs, 1)} epochs)",
            f"{swept[name].best_recall:.2f}" if name in swept else "",
            f"{swept[name].least_accused:.2f}" if name in swept else "",
        )
        for name, each in scores.items()
    ]
    told = f"{runs.recall.total} faulty and {runs.accused.total} healthy runs of programs {_APART[split]}."
    ended = (
        f"{runs.recall.total - quiet.recall.total} of the faulty runs ended with an exception. Of the others Paramedic "
        f"finds {_share(quiet.recall)} and names the right cause first in {_share(quiet.right_first)}."
    )
    return f"{told}\n\n{_table(headings, lines)}\n\n{ended}"


def details(faults: Sequence[FaultScore], rules: Sequence[RuleScore]) -> str:
    """One line a fault, and one a rule."""
    of_faults = _table(
        ("fault", "runs", "found", "right cause first", "median steps"),
        [
            (each.fault, str(each.runs), _share(each.recall), _share(each.right_first), _number(each.latency))
            for each in faults
        ],
    )
    of_rules = _table(
        ("rule", "part of an alarm on faulty runs", "on healthy runs"),
        [(each.rule, _share(each.faulty), _share(each.healthy)) for each in rules],
    )
    return f"\n{of_faults}\n\n{of_rules}\n"


def rewrite(page: Path, text: str) -> None:
    """Puts a text between the markers of a page.

    Raises:
        ValueError: The page has no markers.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN} and {END} for the table to stand between")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def _table(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _share(share: Share) -> str:
    return f"{share.value:.2f} {_interval(share.interval)}"


def _interval(interval: Interval) -> str:
    return f"[{_number(interval[0], 2)}, {_number(interval[1], 2)}]"


def _number(value: float, digits: int = 0) -> str:
    return "never" if math.isinf(value) else f"{value:.{digits}f}"
