"""What other parameters would have said of a run: its log folded under two rulebooks, side by side."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.ingest.restore import Replayer
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Change, Finding
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.store.records import RunKey


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One rule on one run.

    Attributes:
        rule: Its id.
        before: Steps at which its finding opened.
        after: The same under the changed parameters.
    """

    rule: str
    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run under two rulebooks.

    Attributes:
        run: Which run.
        rows: Rows folded.
        changes: Rules that would have spoken otherwise.
        left_out: Entries that could not be read or are refused.
    """

    run: RunKey
    rows: int
    changes: tuple[RuleChange, ...]
    left_out: int


class Backtest:
    """Folds one run under two rulebooks.

    Args:
        key: Which run.
        before: As it is judged now.
        after: As it would be judged.
    """

    def __init__(self, key: RunKey, before: Rulebook, after: Rulebook) -> None:
        self._key = key
        self._sides = _Side(key, before), _Side(key, after)
        self._left_out = 0

    def feed(self, body: bytes | None, *, by_service: bool = False) -> None:
        """Folds the next entry of the log.

        Args:
            body: Serialised request, no registration; None when it is damaged.
            by_service: Whether the service itself wrote it.
        """
        try:
            if body is None:
                self._left_out += 1
            else:
                for side in self._sides:
                    side.feed(body, by_service)
        except InvalidRequestError:  # by both, since parameters decide nothing about it
            self._left_out += 1

    def result(self) -> Comparison:
        """What was found to differ so far."""
        before, after = (side.opened for side in self._sides)
        changes = [
            RuleChange(rule, tuple(before.get(rule, ())), tuple(after.get(rule, ())))
            for rule in dict.fromkeys((*before, *after))
            if before.get(rule) != after.get(rule)
        ]
        changes.sort(key=lambda change: change.rule)
        return Comparison(self._key, self._sides[0].rows, tuple(changes), self._left_out)


@dataclass(slots=True)
class RuleTally:
    """One rule over many runs.

    Attributes:
        gained: Runs in which it would speak and does not, with the step at which it would first.
        lost: Runs in which it would no longer speak, with the step at which it first does.
        moved: Runs in which it would speak otherwise, with the first steps before and after.
    """

    gained: dict[RunKey, int] = field(default_factory=dict)
    lost: dict[RunKey, int] = field(default_factory=dict)
    moved: dict[RunKey, tuple[int, int]] = field(default_factory=dict)

    def take(self, run: RunKey, change: RuleChange) -> None:
        """Counts one run."""
        if not change.before:
            self.gained[run] = change.after[0]
        elif not change.after:
            self.lost[run] = change.before[0]
        else:
            self.moved[run] = change.before[0], change.after[0]


def tally(comparisons: list[Comparison]) -> Mapping[str, RuleTally]:
    """Sums comparisons up by rule, in the order of rule ids."""
    tallies: defaultdict[str, RuleTally] = defaultdict(RuleTally)
    for comparison in comparisons:
        for change in comparison.changes:
            tallies[change.rule].take(comparison.run, change)
    return dict(sorted(tallies.items()))


class _Side:
    """One of the two folds."""

    def __init__(self, key: RunKey, rulebook: Rulebook) -> None:
        self._replayer = Replayer(LiveRun(key, 0, key.id, created_at=0.0, diagnosis=Diagnosis(rulebook)))
        self.opened: dict[str, list[int]] = {}

    @property
    def rows(self) -> int:
        return self._replayer.live.rows

    def feed(self, body: bytes, by_service: bool) -> None:
        for finding in self._replayer.feed(body, by_service=by_service):
            self._note(finding)

    def _note(self, finding: Finding) -> None:
        if finding.change is Change.OPENED:
            self.opened.setdefault(finding.rule, []).append(finding.opened_step)
