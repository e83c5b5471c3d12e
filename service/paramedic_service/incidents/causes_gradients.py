"""Causes in how gradients reach the weights: too large, too small, or not at all."""

from paramedic_service.incidents import readings, remedies, task
from paramedic_service.incidents.evidence import CauseDeclaration, below, cleared, fact, found, grown, raised
from paramedic_service.incidents.network import LINEAR, RECTIFIERS, SATURATING
from paramedic_service.incidents.symptoms import BLIND, BLOWN_UP, EXPLODING, RUINED, SIDE_EFFECTS, STUCK
from paramedic_service.rules.errors_messages import Fault

EXPLODING_GRADIENTS = CauseDeclaration(
    id="exploding_gradients",
    title="Gradients explode",
    clues=(
        found(3.0, "exploding_gradient", "exploding_gradient_relative", "growing_gradient"),
        found(2.0, "exploding_through_time"),
        found(0.8, "gradient_spike", "nonfinite_gradient"),
        found(0.7, *RUINED),
        grown(0.5, *BLOWN_UP),
        fact(0.8, readings.plain_over_long),
        fact(0.3, readings.unclipped),
        fact(-2.0, readings.rate_above_usual),
        found(-2.5, "nonfinite_input"),
        found(-1.0, "accumulating_gradient"),
        fact(-1.0, readings.out_of_the_blue),
    ),
    effects=SIDE_EFFECTS,
    remedies=(remedies.clip, remedies.learning_rate(0.1), task.tamed_targets, remedies.orthogonal, remedies.gates),
)

VANISHING_GRADIENTS = CauseDeclaration(
    id="vanishing_gradients",
    title="Gradients vanish on their way to the first layers",
    clues=(
        found(3.0, "vanishing_gradient"),
        below(2.0, "layer_imbalance"),
        found(0.7, *STUCK),
        fact(0.8, readings.saturating_and_deep),
        fact(0.4, readings.deep_and_bare),
        found(-1.5, *EXPLODING),
        found(-1.0, "dead_units"),
        found(-0.7, "vanishing_through_time"),
        cleared(-1.5, "vanishing_gradient", "layer_imbalance"),
    ),
    effects=(*BLIND, "unchanged_tensor", "update_ratio", "activation_scale"),
    remedies=(
        remedies.rectify,
        remedies.normalise_between,
        remedies.initializer("he_normal", "Initialise kernels by He for ReLU."),
        remedies.gates,
    ),
)

VANISHING_THROUGH_TIME = CauseDeclaration(
    id="vanishing_through_time",
    title="Gradients vanish on their way back through time",
    clues=(
        found(3.5, "vanishing_through_time"),
        found(0.8, *STUCK),
        found(0.7, "vanishing_gradient", "layer_imbalance", "constant_prediction"),
        found(0.7, "long_plain_recurrence"),
        fact(1.0, readings.plain_over_long),
        fact(-6.0, readings.not_recurrent),
        found(-1.5, *EXPLODING),
        cleared(-2.5, "vanishing_through_time"),
    ),
    effects=(*BLIND, "dead_tensor", "unchanged_tensor", "update_ratio"),
    remedies=(remedies.gates, remedies.orthogonal, remedies.shorten),
)

DEAD_UNITS = CauseDeclaration(
    id="dead_units",
    title="Units are dead",
    clues=(
        found(3.5, "dead_units", "negative_bias"),
        found(1.0, "dead_tensor"),
        found(0.7, *STUCK, "constant_output", "constant_prediction"),
        fact(-3.0, readings.no_rectifier),
        found(-1.5, *EXPLODING, *RUINED, *BLOWN_UP),
        cleared(-2.5, "dead_units", "negative_bias"),
        fact(-0.7, readings.rate_above_usual),
    ),
    effects=("vanishing_gradient", "layer_imbalance", "update_ratio", "unchanged_tensor", "activation_scale", *BLIND),
    remedies=(
        remedies.hidden_activation("leaky_relu", RECTIFIERS, "Use leaky ReLU"),
        remedies.learning_rate(0.1),
        remedies.fresh_weights,
    ),
)

SATURATED_UNITS = CauseDeclaration(
    id="saturated_units",
    title="Units are saturated",
    clues=(
        found(3.0, "saturated_units"),
        found(0.7, "vanishing_gradient", "dead_tensor"),
        found(0.7, *STUCK, "constant_output"),
        cleared(-2.5, "saturated_units"),
        found(-1.0, *EXPLODING, *RUINED, *BLOWN_UP),
        fact(-0.7, readings.rate_above_usual),
    ),
    effects=(
        "layer_imbalance",
        "vanishing_through_time",
        "update_ratio",
        "unchanged_tensor",
        "activation_scale",
        *BLIND,
    ),
    remedies=(
        remedies.standardise,
        remedies.initializer("glorot_uniform", "Initialise kernels by Glorot."),
        remedies.normalise_between,
        remedies.hidden_activation("relu", SATURATING, "Use ReLU"),
    ),
)

DISCONNECTED_TENSOR = CauseDeclaration(
    id="disconnected_tensor",
    title="A trainable tensor does not reach the loss, or the optimizer does not reach it",
    clues=(
        found(2.8, "dead_tensor"),
        found(2.5, "unchanged_tensor", "nothing_trainable"),
        raised(4.0, Fault.DISCONNECTED),
        found(0.7, "constant_output"),
        found(-2.5, *EXPLODING, *RUINED),
        found(-2.0, "dead_units", "saturated_units"),
        found(-1.0, "vanishing_gradient"),
        fact(-0.5, readings.rate_below_usual),
    ),
    effects=("layer_imbalance", "update_ratio", *STUCK),
    remedies=(
        remedies.words("Connect the layer to the loss, or mark it as not trainable."),
        remedies.words("Build the model before the optimizer, and give the optimizer all trainable variables."),
    ),
)

MISPLACED_ACTIVATION = CauseDeclaration(
    id="misplaced_activation",
    title="An activation is missing, applied twice or out of place",
    clues=(
        found(3.0, "missing_activation", "doubled_activation", "hidden_softmax"),
        found(0.6, *STUCK),
        fact(0.8, readings.no_hidden_activation),
        fact(-2.0, readings.doubled_at_output),
        cleared(-2.0, "missing_activation", "doubled_activation", "hidden_softmax"),
    ),
    effects=(*BLIND, "vanishing_gradient", "layer_imbalance"),
    remedies=(
        remedies.hidden_activation("relu", LINEAR, "Give an activation to the linear layers"),
        task.one_activation,
        remedies.words("Apply each activation once: in the layer, or as a layer of its own."),
    ),
)

CAUSES = (
    EXPLODING_GRADIENTS,
    VANISHING_GRADIENTS,
    VANISHING_THROUGH_TIME,
    DEAD_UNITS,
    SATURATED_UNITS,
    DISCONNECTED_TENSOR,
    MISPLACED_ACTIVATION,
)
