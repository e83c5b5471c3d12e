"""What a family of rules adds to a diagnosis."""

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.condition import Condition
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Episode
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import Rows

StateT = TypeVar("StateT")


class Monitor(Generic[StateT]):
    """One family of rules over one run.

    Everything that later rows depend on is in the state, the episodes and the description, from which a monitor can be
    made again at any row. Nothing may depend on where a batch of rows begins or ends.

    Attributes:
        rules: The family.
        state_type: Dataclass of plain values and arrays that can be made without arguments.
        state: What is remembered of the rows.

    Args:
        rulebook: Parameters to judge by.
        episodes: Of every rule, by id.
        state: To continue from; None for a new run.
    """

    rules: ClassVar[tuple[RuleDeclaration, ...]]
    state_type: ClassVar[type[Any]]

    def __init__(self, rulebook: Rulebook, episodes: Mapping[str, Episode], state: StateT | None = None) -> None:
        self.state: StateT = self.state_type() if state is None else state
        self._conditions = {rule.id: Condition(rulebook[rule], episodes[rule.id]) for rule in self.rules}

    def __getitem__(self, rule: RuleDeclaration) -> Condition:
        """A rule of the family, as it is watched on this run."""
        return self._conditions[rule.id]

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in what is known of the training, after the row of some step (0 before the first)."""

    def resume(self, description: Description) -> None:
        """Takes in what was known when the state was taken: derives what the state leaves out, and judges nothing."""

    def restart(self) -> None:
        """Takes in that another training began on the same model: what the last one reached is no measure for it."""

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Takes in consecutive rows."""

    def epoch_ended(self, step: int, changes: Changes) -> None:
        """Takes in that an epoch was completed, its validation included, after the row of some step."""
