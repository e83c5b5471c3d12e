"""Hysteresis: how violations become a finding that opens, is updated and resolves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.finding import Change, Evidence, Finding


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a violation says.

    Attributes:
        summary: One sentence: what, where, since when.
        evidence: At least one fact.
        remedies: What to change, most promising first, where the violation tells it better than the rule can.
    """

    summary: str
    evidence: tuple[Evidence, ...]
    remedies: tuple[str, ...] = ()


@dataclass(slots=True)
class Episode:
    """State of one rule's finding; the finding itself is derived from it and the declaration.

    An episode opens after so many violations in a row, which keeps single noisy observations out, and resolves after
    so many observations without one, which keeps a condition that flickers from opening again and again. While it is
    open it is updated when the violations have doubled, so that a run of any length causes few updates.

    Attributes:
        streak: Violations in a row so far.
        quiet: Observations since the last violation.
        violations: Over all episodes.
        next_update: Number of violations at which the next update is due.
        episodes: How often it opened.
        last_step: Of the latest violation.
        latest: The latest version of the finding; None until it opened.
    """

    streak: int = 0
    quiet: int = 0
    violations: int = 0
    next_update: int = 1
    episodes: int = 0
    last_step: int = 0
    latest: Finding | None = None

    @property
    def open(self) -> bool:
        """Whether the finding is open."""
        return self.latest is not None and self.latest.open

    @property
    def idle(self) -> bool:
        """Whether observations without a violation would change nothing."""
        # Asked of every rule with every batch, and so without the detour through another property.
        return self.streak == 0 and (self.latest is None or not self.latest.open)

    def violate(
        self, rule: RuleDeclaration, step: int, verdict: Callable[[], Verdict], open_after: int = 1
    ) -> Finding | None:
        """Takes in an observation that violates the rule; returns the finding if that changed it.

        Args:
            rule: Whose episode this is.
            step: At which it was observed.
            verdict: Makes the evidence; called only when the finding changes, because it may cost something.
            open_after: Violations in a row that open the finding.
        """
        self.streak += 1
        self.quiet = 0
        self.violations += 1
        self.last_step = step
        if self.open:
            if self.violations < self.next_update:
                return None
            return self._change(rule, Change.UPDATED, step, verdict())
        if self.streak < open_after:
            return None
        self.episodes += 1
        return self._change(rule, Change.OPENED, step, verdict())

    def hold(self, rule: RuleDeclaration, step: int, verdict: Verdict) -> Finding:
        """Takes in a fact: opens the finding, or updates it when it is open with other evidence."""
        self.quiet = 0
        self.violations += 1
        self.last_step = step
        if self.open:
            return self._change(rule, Change.UPDATED, step, verdict)
        self.episodes += 1
        return self._change(rule, Change.OPENED, step, verdict)

    def rest(self, rule: RuleDeclaration, steps: Sequence[int], resolve_after: int) -> tuple[int, Finding] | None:
        """Takes in observations without a violation; returns the index of the one that resolved the finding, and it.

        Args:
            rule: Whose episode this is.
            steps: Of the observations.
            resolve_after: Observations in a row without a violation that resolve the finding.
        """
        self.streak = 0
        if not self.open:
            return None
        missing = resolve_after - self.quiet
        self.quiet += len(steps)
        if len(steps) < missing:
            return None
        return missing - 1, self.resolve(rule, steps[missing - 1])

    def resolve(self, rule: RuleDeclaration, step: int) -> Finding:
        """Resolves the open finding at a step."""
        assert self.latest is not None
        verdict = Verdict(self.latest.summary, self.latest.evidence, self.latest.remedies)
        return self._change(rule, Change.RESOLVED, step, verdict)

    def _change(self, rule: RuleDeclaration, change: Change, step: int, verdict: Verdict) -> Finding:
        opened = change is Change.OPENED
        before = self.latest
        self.next_update = 2 * self.violations
        self.latest = Finding(
            rule=rule.id,
            family=rule.family,
            severity=rule.severity,
            change=change,
            opened_step=step if opened or before is None else before.opened_step,
            last_step=self.last_step,
            resolved_step=step if change is Change.RESOLVED else None,
            violations=self.violations,
            episodes=self.episodes,
            summary=verdict.summary,
            evidence=verdict.evidence,
            remedies=verdict.remedies or rule.remedies,
        )
        return self.latest
