"""The diagnosis of one run: all rules over its telemetry, a batch at a time.

The outcome depends on the rows and their order only, never on how they were cut into batches, so that a live run, a
restarted service and a replay come to the same findings at the same steps.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from paramedic_service.rules import availability
from paramedic_service.rules.catalogue import DEFAULTS, MONITORS, PRECEDENCE
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Episode
from paramedic_service.rules.errors import ErrorMonitor
from paramedic_service.rules.finding import Finding
from paramedic_service.rules.loss_monitor import LossMonitor
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.ranks import RankMonitor
from paramedic_service.rules.rhythm import RhythmMonitor
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.state import code_version, dump, load
from paramedic_service.rules.steps import StepMonitor
from paramedic_service.rules.telemetry import Rows

VERSION = code_version()
"""State of one version of the rules means nothing to another."""


class Diagnosis:
    """Rule state of one run.

    Args:
        rulebook: To judge by.
    """

    def __init__(self, rulebook: Rulebook = DEFAULTS) -> None:
        self._rulebook = rulebook
        self._start(Description(), set(), {rule.id: Episode() for rule in rulebook}, {})

    def _start(
        self, description: Description, seen: set[str], episodes: dict[str, Episode], states: Mapping[str, Any]
    ) -> None:
        self._description = description
        self._seen = seen
        self._episodes = episodes
        monitors = [kind(self._rulebook, episodes, states.get(kind.__name__)) for kind in MONITORS]
        self._monitors: list[Monitor[Any]] = monitors
        self._loss = next(monitor for monitor in monitors if isinstance(monitor, LossMonitor))
        self._errors = next(monitor for monitor in monitors if isinstance(monitor, ErrorMonitor))
        self._steps = next(monitor for monitor in monitors if isinstance(monitor, StepMonitor))
        self._rhythm = next(monitor for monitor in monitors if isinstance(monitor, RhythmMonitor))
        self._ranks = next(monitor for monitor in monitors if isinstance(monitor, RankMonitor))
        for monitor in monitors:
            monitor.resume(description)

    def describe(self, description: Description) -> list[Finding]:
        """Takes in what is known of the training, all of it: a new tensor table replaces the old one.

        Returns:
            What changed, in the order of the catalogue.
        """
        self._description = description
        changes = Changes()
        for monitor in self._monitors:
            monitor.describe(description, self._rhythm.state.last_step or 0, changes)
        return changes.in_order(PRECEDENCE)

    def training_began(self, time: float | None = None) -> None:
        """Takes in that a training loop began: what an earlier one on the same model reached is no measure for it.

        Args:
            time: When, client clock, seconds since the Unix epoch; None when it is not known.
        """
        for monitor in self._monitors:
            monitor.restart()
        if time is not None:
            self._steps.began(time)

    def observe(self, rows: Rows) -> list[Finding]:
        """Takes in consecutive rows.

        Returns:
            What changed, in the order of the rows.
        """
        self._seen |= availability.signals(rows)
        changes = Changes()
        losses = self._loss.take(rows, changes)
        for monitor in self._monitors:
            monitor.observe(rows, losses, changes)
        return changes.in_order(PRECEDENCE) if changes.found else []

    def epoch_ended(self) -> list[Finding]:
        """Takes in that an epoch was completed, its validation included.

        Returns:
            What changed, in the order of the catalogue.
        """
        changes = Changes()
        for monitor in self._monitors:
            monitor.epoch_ended(self._rhythm.state.last_step or 0, changes)
        return changes.in_order(PRECEDENCE)

    def silence(self, seconds: float, limit: float) -> list[Finding]:
        """Takes in that nothing was heard for longer than normal, both in seconds."""
        changes = Changes()
        self._rhythm.silence(seconds, limit, changes)
        return changes.in_order(PRECEDENCE)

    def pace(self, rank: int, seconds: float, median: float, ranks: int, step: int) -> list[Finding]:
        """Takes in times a step up to some step: this rank's own median and that over so many ranks, seconds."""
        self._seen.add(availability.PACE)
        changes = Changes()
        self._ranks.pace(rank, seconds, median, ranks, step, changes)
        return changes.in_order(PRECEDENCE)

    def replicas(
        self, tensor: str, difference: float, differing: Sequence[int], ranks: int, step: int
    ) -> list[Finding]:
        """Takes in how far apart the weights of so many replicas are at a step.

        Args:
            tensor: Whose norms differ most.
            difference: Of them, over the larger one; 0 where all are equal.
            differing: Ranks that differ from most others.
            ranks: That were compared.
            step: At which.
        """
        self._seen.add(availability.REPLICAS)
        changes = Changes()
        self._ranks.difference(tensor, difference, differing, ranks, step, changes)
        return changes.in_order(PRECEDENCE)

    def lost(self, rank: int, seconds: float, reporting: int, failed: int) -> list[Finding]:
        """Takes in that this rank's stream broke off so many seconds ago, while so many others report or failed."""
        changes = Changes()
        self._ranks.lose(rank, seconds, reporting, failed, self._rhythm.state.last_step, changes)
        return changes.in_order(PRECEDENCE)

    def peer_lost(self, rank: int, last_step: int | None) -> list[Finding]:
        """Takes in which other rank was lost, and after which step: it may be what an exception here tells of."""
        changes = Changes()
        self._errors.peer_lost(rank, last_step, changes)
        return changes.in_order(PRECEDENCE)

    def returned(self) -> list[Finding]:
        """Takes in that this rank is back."""
        changes = Changes()
        self._ranks.back(self._rhythm.state.last_step, changes)
        return changes.in_order(PRECEDENCE)

    def resumed(self, attempt: int, previous: int, last_step: int, step: int) -> list[Finding]:
        """Takes in that this attempt began at a step, and how far an attempt before had come."""
        changes = Changes()
        self._steps.resumed(attempt, previous, last_step, step, changes)
        return changes.in_order(PRECEDENCE)

    def fail(self, kind: str, message: str, traceback: str) -> list[Finding]:
        """Takes in that an exception left the training loop: its class name, message and traceback."""
        changes = Changes()
        self._errors.fail(kind, message, traceback, changes)
        return changes.in_order(PRECEDENCE)

    def finish(self) -> list[Finding]:
        """Takes in that the run ended; what it ended with stays found."""
        changes = Changes()
        self._rhythm.end(changes)
        self._ranks.back(self._rhythm.state.last_step, changes)
        return changes.in_order(PRECEDENCE)

    @property
    def description(self) -> Description:
        """What is known of the training."""
        return self._description

    @property
    def silence_limit(self) -> float:
        """Silence that is normal for this run, seconds."""
        return self._rhythm.limit

    @property
    def is_lost(self) -> bool:
        """Whether this rank is gone, for all that is known."""
        return self._ranks.lost

    @property
    def replica_tolerance(self) -> float:
        """Relative difference of replicas' norms that says nothing."""
        return self._ranks.tolerance

    def pace_matters(self, seconds: float, median: float) -> bool:
        """Whether taking in such times a step would change anything."""
        return availability.PACE not in self._seen or self._ranks.pace_matters(seconds, median)

    def difference_matters(self, difference: float) -> bool:
        """Whether taking in such a difference of replicas would change anything."""
        return availability.REPLICAS not in self._seen or self._ranks.difference_matters(difference)

    @property
    def findings(self) -> Mapping[str, Finding]:
        """Latest version of every finding that ever opened, by rule id."""
        return {rule: episode.latest for rule, episode in self._episodes.items() if episode.latest is not None}

    @property
    def abstentions(self) -> Mapping[str, str]:
        """Why rules cannot judge this run so far, by rule id; the silence of a rule without an entry is health."""
        known = self._seen | availability.facts(self._description)
        missing = {rule.id: [need for need in rule.requires if need not in known] for rule in self._rulebook}
        return {rule: "not reported: " + ", ".join(needs) for rule, needs in missing.items() if needs}

    def state(self) -> dict[str, Any]:
        """Everything that later rows depend on, as a tree of plain values and arrays."""
        return {
            "version": VERSION,
            "parameters": self._rulebook.fingerprint,
            "description": dump(self._description),
            "seen": sorted(self._seen),
            "episodes": dump(self._episodes),
            "monitors": {type(monitor).__name__: dump(monitor.state) for monitor in self._monitors},
        }

    @classmethod
    def restore(cls, state: dict[str, Any], rulebook: Rulebook = DEFAULTS) -> "Diagnosis":
        """Continues from a state.

        Raises:
            ValueError: It was made by another version of the rules or by other parameters; fold the run's log again.
        """
        if state.get("version") != VERSION or state.get("parameters") != rulebook.fingerprint:
            raise ValueError(f"state of rules {state.get('version')} with {state.get('parameters')}, not of {VERSION}")
        diagnosis = cls(rulebook)
        diagnosis._start(
            load(Description, state["description"]),
            set(state["seen"]),
            load(dict[str, Episode], state["episodes"]),
            {kind.__name__: load(kind.state_type, state["monitors"][kind.__name__]) for kind in MONITORS},
        )
        return diagnosis
