"""The diagnosis of one run: all rules over its telemetry, a batch at a time.

The outcome depends on the rows and their order only, never on how they were cut into batches, so that a live run, a
restarted service and a replay come to the same findings at the same steps.
"""

from collections.abc import Mapping
from typing import Any

from paramedic_service.rules.catalogue import DEFAULTS, PRECEDENCE
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.episode import Episode
from paramedic_service.rules.finding import Finding
from paramedic_service.rules.gradient_monitor import GradientMonitor, GradientState
from paramedic_service.rules.loss_monitor import LossMonitor, LossState
from paramedic_service.rules.rhythm import Rhythm, RhythmState
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.state import code_version, dump, load
from paramedic_service.rules.telemetry import GRADIENT_NORM, LOSS, Description, Rows

VERSION = code_version()
"""State of one version of the rules means nothing to another."""


class Diagnosis:
    """Rule state of one run.

    Args:
        rules: To judge by.
    """

    def __init__(self, rules: Rulebook = DEFAULTS) -> None:
        self._rules = rules
        self._description = Description()
        self._loss = LossMonitor(rules)
        self._gradients = GradientMonitor(rules, self._description)
        self._rhythm = Rhythm(rules)

    def describe(self, description: Description) -> None:
        """Takes in what is known of the training; a new tensor table replaces the old one."""
        self._description = description
        self._gradients.describe(description)

    def training_began(self) -> None:
        """Takes in that a training loop began: what an earlier one on the same model reached is no measure for it."""
        self._loss.restart()

    def observe(self, rows: Rows) -> list[Finding]:
        """Takes in consecutive rows.

        Returns:
            What changed, in the order of the rows.
        """
        changes = Changes()
        losses = self._loss.observe(rows, changes)
        self._gradients.observe(rows, losses, changes)
        self._rhythm.observe(rows, changes)
        return changes.in_order(PRECEDENCE) if changes.found else []

    def silence(self, seconds: float, limit: float) -> list[Finding]:
        """Takes in that nothing was heard for longer than normal, both in seconds."""
        finding = self._rhythm.silence(seconds, limit)
        return [finding] if finding else []

    def finish(self) -> list[Finding]:
        """Takes in that the run ended; what it ended with stays found."""
        finding = self._rhythm.end()
        return [finding] if finding else []

    @property
    def silence_limit(self) -> float:
        """Silence that is normal for this run, seconds."""
        return self._rhythm.limit

    @property
    def findings(self) -> Mapping[str, Finding]:
        """Latest version of every finding that ever opened, by rule id."""
        return {rule: episode.latest for rule, episode in self._episodes().items() if episode.latest is not None}

    def _episodes(self) -> dict[str, Episode]:
        return {**self._loss.state.episodes, **self._gradients.state.episodes, **self._rhythm.state.episodes}

    @property
    def abstentions(self) -> Mapping[str, str]:
        """Why rules cannot judge this run so far, by rule id; the silence of a rule without an entry is health."""
        present = {
            LOSS: self._loss.seen,
            GRADIENT_NORM: self._gradients.seen,
            "element counts": self._gradients.counted,
            "two kernels": self._gradients.ends is not None,
            "reports": self._rhythm.seen,
        }
        missing = {rule.id: [need for need in rule.requires if not present[need]] for rule in self._rules}
        return {rule: "not reported: " + ", ".join(needs) for rule, needs in missing.items() if needs}

    def state(self) -> dict[str, Any]:
        """Everything that later rows depend on, as a tree of plain values and arrays."""
        return {
            "version": VERSION,
            "parameters": self._rules.fingerprint,
            "description": dump(self._description),
            "loss": dump(self._loss.state),
            "gradients": dump(self._gradients.state),
            "rhythm": dump(self._rhythm.state),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], rules: Rulebook = DEFAULTS) -> "Diagnosis":
        """Continues from a state.

        Raises:
            ValueError: It was made by another version of the rules or by other parameters; fold the run's log again.
        """
        if state.get("version") != VERSION or state.get("parameters") != rules.fingerprint:
            raise ValueError(f"state of rules {state.get('version')} with {state.get('parameters')}, not of {VERSION}")
        diagnosis = cls(rules)
        diagnosis._description = load(Description, state["description"])
        diagnosis._loss = LossMonitor(rules, load(LossState, state["loss"]))
        diagnosis._gradients = GradientMonitor(rules, diagnosis._description, load(GradientState, state["gradients"]))
        diagnosis._rhythm = Rhythm(rules, load(RhythmState, state["rhythm"]))
        return diagnosis
