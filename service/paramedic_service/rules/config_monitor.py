"""Runs the rules on architecture and configuration over what is known of a training before its first step."""

from collections.abc import Callable
from dataclasses import dataclass

from paramedic_service.rules import activations_between as activations
from paramedic_service.rules import (
    capacity,
    initialisers,
    optimisation,
    output_layer,
    recurrent_layers,
    regularisation,
    structure,
)
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts
from paramedic_service.rules.monitor import Monitor

Judge = Callable[[RuleDeclaration, Facts], Verdict | None]

JUDGES: tuple[tuple[RuleDeclaration, Judge], ...] = (
    (output_layer.OUTPUT_LAYER, output_layer.output_layer),
    (activations.MISSING_ACTIVATION, activations.missing_activation),
    (activations.DOUBLED_ACTIVATION, activations.doubled_activation),
    (activations.HIDDEN_SOFTMAX, activations.hidden_softmax),
    (recurrent_layers.RECURRENT_RELU, recurrent_layers.recurrent_relu),
    (recurrent_layers.LONG_PLAIN_RECURRENCE, recurrent_layers.long_plain_recurrence),
    (recurrent_layers.MISSING_RETURN_SEQUENCES, recurrent_layers.missing_return_sequences),
    (regularisation.STRONG_DROPOUT, regularisation.strong_dropout),
    (regularisation.DROPOUT_BEFORE_NORMALISATION, regularisation.dropout_before_normalisation),
    (regularisation.DROPOUT_ON_OUTPUT, regularisation.dropout_on_output),
    (regularisation.BIAS_BEFORE_NORMALISATION, regularisation.bias_before_normalisation),
    (capacity.TOO_DEEP, capacity.too_deep),
    (capacity.TOO_FEW_UNITS, capacity.too_few_units),
    (capacity.TOO_MANY_PARAMETERS, capacity.too_many_parameters),
    (optimisation.LEARNING_RATE_RANGE, optimisation.learning_rate_range),
    (optimisation.OPTIMIZER_CHOICE, optimisation.optimizer_choice),
    (optimisation.ADAM_EPSILON, optimisation.adam_epsilon),
    (optimisation.BATCH_SIZE, optimisation.batch_size),
    (initialisers.CONSTANT_INITIALISER, initialisers.constant_initialiser),
    (initialisers.INITIALISER_SCALE, initialisers.initialiser_scale),
    (initialisers.NEGATIVE_BIAS, initialisers.negative_bias),
    (structure.SKIPPING_STRIDE, structure.skipping_stride),
    (structure.NOTHING_TRAINABLE, structure.nothing_trainable),
    (structure.SELU_INITIALISER, structure.selu_initialiser),
)


@dataclass(slots=True)
class ConfigState:
    """Nothing: a configuration is judged whole, whenever it is told."""


class ConfigMonitor(Monitor[ConfigState]):
    """The rules on architecture and configuration of one run."""

    rules = tuple(rule for rule, _ in JUDGES)
    state_type = ConfigState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Judges everything that is known; a rule abstains while what it requires is not."""
        facts = Facts.of(description)
        for rule, judge in JUDGES:
            condition = self[rule]
            condition.assessed(changes, step, judge(condition.rule, facts))
