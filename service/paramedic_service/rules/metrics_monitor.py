"""Runs the rules on epochs over a run's losses and accuracies."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from paramedic_service.rules import metrics
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.metrics_history import EpochHistory
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.task import class_frequencies, cross_entropy, harder_in_training, narrowest_hidden
from paramedic_service.rules.telemetry import Rows


@dataclass(slots=True)
class MetricsState:
    """State of the rules on epochs of one run.

    Attributes:
        history: Of the epochs.
    """

    history: EpochHistory = field(default_factory=EpochHistory)


class MetricsMonitor(Monitor[MetricsState]):
    """The rules on epochs of one run."""

    rules = metrics.RULES
    state_type = MetricsState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in what is known of the model and the labels."""
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Derives what the task is."""
        entropy = cross_entropy(description)
        classes = 0 if entropy is None else entropy.classes
        samples = None if description.data is None else description.data.samples
        frequencies = () if entropy is None or entropy.weighted else class_frequencies(description)
        self._judges: tuple[tuple[RuleDeclaration, Callable[..., Verdict | None]], ...] = (
            (metrics.OVERFIT, metrics.overfit),
            *(
                ()
                if harder_in_training(description)
                else ((metrics.SUSPICIOUS_VALIDATION, metrics.suspicious_validation),)
            ),
            (metrics.DISAGREEMENT, partial(metrics.disagreement, samples=samples)),
            (metrics.CONSTANT_PREDICTION, partial(metrics.constant_prediction, frequencies=frequencies)),
            (metrics.UNDERFIT, partial(metrics.underfit, narrowest=narrowest_hidden(description), classes=classes)),
        )

    def restart(self) -> None:
        """Forgets the epochs: the new training may have other data."""
        self.state.history = EpochHistory()

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Takes in the losses and metrics of a batch of rows."""
        self.state.history.add(losses.values, batch)

    def epoch_ended(self, step: int, changes: Changes) -> None:
        """Judges the epoch."""
        history = self.state.history
        if not history.end_epoch():
            return
        for rule, judge in self._judges:
            condition = self[rule]
            condition.judged(changes, 0, step, judge(condition.rule, history, step))
