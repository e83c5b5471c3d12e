"""Runs the rules on inputs and targets over what is known of the data."""

from collections.abc import Callable
from dataclasses import dataclass

from paramedic_service.rules import data_inputs, data_sequences, data_targets
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts
from paramedic_service.rules.monitor import Monitor

Judge = Callable[[RuleDeclaration, Facts], Verdict | None]

JUDGES: tuple[tuple[RuleDeclaration, Judge], ...] = (
    (data_inputs.NONFINITE_INPUT, data_inputs.nonfinite_input),
    (data_sequences.INPUT_SHAPE, data_sequences.input_shape),
    (data_targets.LABEL_RANGE, data_targets.label_range),
    (data_targets.TARGET_SCALE, data_targets.target_scale),
    (data_inputs.UNNORMALISED_INPUT, data_inputs.unnormalised_input),
    (data_inputs.FEATURE_SCALE, data_inputs.feature_scale),
    (data_inputs.INTEGER_INPUT, data_inputs.integer_input),
    (data_targets.CLASS_IMBALANCE, data_targets.class_imbalance),
    (data_sequences.EXCESSIVE_PADDING, data_sequences.excessive_padding),
    (data_inputs.CONSTANT_FEATURE, data_inputs.constant_feature),
)


@dataclass(slots=True)
class DataState:
    """Nothing: data is judged whole, whenever it is told."""


class DataMonitor(Monitor[DataState]):
    """The rules on the data of one run."""

    rules = tuple(rule for rule, _ in JUDGES)
    state_type = DataState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Judges everything that is known; a rule abstains while what it requires is not."""
        facts = Facts.of(description)
        for rule, judge in JUDGES:
            condition = self[rule]
            condition.assessed(changes, step, judge(condition.rule, facts))
