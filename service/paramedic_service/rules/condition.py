"""One rule watched on one run: its parameters, its episode, and where its changes go."""

from collections.abc import Callable, Sequence

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.episode import Episode, Verdict


class Condition:
    """A rule with its episode on one run.

    The rule's parameters "patience" and "resolve_after" say how many violations in a row open the finding and how many
    observations without one resolve it; a rule without them opens and resolves at once.

    Attributes:
        rule: With its parameters.
        episode: State of its finding.
    """

    def __init__(self, rule: RuleDeclaration, episode: Episode) -> None:
        self.rule = rule
        self.episode = episode
        self.patience = int(rule["patience"]) if "patience" in rule else 1
        self._resolve_after = int(rule["resolve_after"]) if "resolve_after" in rule else 1

    @property
    def idle(self) -> bool:
        """Whether observations without a violation would change nothing."""
        return self.episode.idle

    def violated(
        self, changes: Changes, row: int, step: int, verdict: Callable[[], Verdict], patience: int | None = None
    ) -> None:
        """Takes in a violation.

        Args:
            changes: Where a change of the finding goes.
            row: Of the batch.
            step: At that row.
            verdict: Makes the evidence; called only when the finding changes, because it may cost something.
            patience: In place of the rule's own.
        """
        patience = self.patience if patience is None else patience
        changes.add(row, self.episode.violate(self.rule, step, verdict, patience))

    def rested(self, changes: Changes, rows: Sequence[int], steps: Sequence[int]) -> None:
        """Takes in observations without a violation, of some rows of the batch."""
        if self.episode.idle:
            return
        resolved = self.episode.rest(self.rule, steps, self._resolve_after)
        if resolved is not None:
            changes.add(rows[resolved[0]], resolved[1])

    def judged(self, changes: Changes, row: int, step: int, verdict: Verdict | None) -> None:
        """Takes in an observation that is a violation if there is a verdict."""
        if verdict is None:
            self.rested(changes, (row,), (step,))
        else:
            self.violated(changes, row, step, lambda: verdict)

    def assessed(self, changes: Changes, step: int, verdict: Verdict | None) -> None:
        """Takes in what a description says: a fact that holds until another description says otherwise."""
        latest = self.episode.latest
        if verdict is None:
            if self.episode.open:
                changes.add(0, self.episode.resolve(self.rule, step))
            return
        told = (
            latest is not None
            and latest.open
            and (latest.summary, latest.evidence) == (verdict.summary, verdict.evidence)
        )
        if not told:
            changes.add(0, self.episode.hold(self.rule, step, verdict))
