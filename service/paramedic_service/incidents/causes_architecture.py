"""Causes in the model's structure: cells, depth, width, dropout."""

from paramedic_service.incidents import readings, remedies
from paramedic_service.incidents.evidence import CauseDeclaration, cleared, fact, found
from paramedic_service.incidents.symptoms import BLIND, EXPLODING, RUINED, SIDE_EFFECTS, STUCK

RECURRENT_RELU = CauseDeclaration(
    id="recurrent_relu",
    title="ReLU inside a recurrent layer",
    clues=(
        found(3.5, "recurrent_relu"),
        found(1.5, *EXPLODING, "exploding_through_time"),
        found(0.7, *RUINED),
        found(0.7, "dead_units", "dead_tensor", "vanishing_through_time"),
        found(0.4, *STUCK),
        fact(1.0, readings.recurrent_rectifier),
        cleared(-3.0, "recurrent_relu"),
        fact(-6.0, readings.not_recurrent),
    ),
    effects=(*SIDE_EFFECTS, "initial_loss", "initial_weights"),
    remedies=(remedies.recurrent_tanh, remedies.clip, remedies.orthogonal),
)

LONG_PLAIN_RECURRENCE = CauseDeclaration(
    id="long_plain_recurrence",
    title="A recurrent layer over a longer sequence than its gradients survive",
    clues=(
        found(3.5, "long_plain_recurrence"),
        found(1.5, "vanishing_through_time", "exploding_through_time"),
        found(0.7, *STUCK),
        found(0.7, *EXPLODING),
        fact(3.2, readings.plain_over_long),
        fact(-6.0, readings.not_recurrent),
        cleared(-2.0, "long_plain_recurrence"),
    ),
    effects=(*SIDE_EFFECTS, *RUINED, *BLIND),
    remedies=(remedies.gates, remedies.shorten, remedies.orthogonal, remedies.clip),
)

TOO_DEEP = CauseDeclaration(
    id="too_deep",
    title="Too many layers without normalisation or shortcuts",
    clues=(
        found(3.5, "too_deep"),
        found(1.5, "vanishing_gradient", "layer_imbalance", "dead_tensor"),
        found(0.7, *STUCK, "constant_output", "constant_prediction"),
        found(0.5, *EXPLODING),
        fact(1.0, readings.deep_and_bare),
        cleared(-2.0, "too_deep"),
    ),
    effects=(*SIDE_EFFECTS, *RUINED, *BLIND),
    remedies=(remedies.normalise_between, remedies.shallower),
)

TOO_NARROW = CauseDeclaration(
    id="too_narrow",
    title="Too few units",
    clues=(
        found(3.0, "too_few_units"),
        found(2.0, "underfit"),
        found(0.7, "loss_plateau", "loss_not_decreasing"),
        fact(1.0, readings.bottleneck),
        found(-1.5, "vanishing_gradient", "vanishing_through_time", *EXPLODING, *RUINED, "overfit"),
        fact(-0.7, readings.more_parameters_than_samples),
        cleared(-0.5, "too_few_units", "underfit"),
    ),
    effects=("stagnation", *BLIND),
    remedies=(remedies.roomy, remedies.widen(4.0), remedies.words("Train for longer.")),
)

TOO_LARGE = CauseDeclaration(
    id="too_large",
    title="The model is too large for the data",
    clues=(
        found(3.0, "too_many_parameters"),
        found(1.5, "overfit"),
        fact(1.0, readings.more_parameters_than_samples),
    ),
    effects=("suspicious_validation",),
    remedies=(
        remedies.widen(0.25),
        remedies.add_dropout,
        remedies.words("Stop when the validation loss no longer falls, and collect more data."),
    ),
)

OVERFITTING = CauseDeclaration(
    id="overfitting",
    title="The model memorises the training set",
    clues=(
        found(3.0, "overfit"),
        found(-0.5, "too_many_parameters"),
        fact(-0.5, readings.more_parameters_than_samples),
        found(-1.0, "loss_not_decreasing"),
    ),
    remedies=(
        remedies.words("Stop when the validation loss no longer falls (EarlyStopping, restore_best_weights=True)."),
        remedies.add_dropout,
        remedies.widen(0.5),
    ),
)

EXCESS_DROPOUT = CauseDeclaration(
    id="excess_dropout",
    title="Dropout is too strong, or stands in the wrong place",
    clues=(
        found(3.2, "strong_dropout", "dropout_on_output"),
        found(2.5, "dropout_before_normalisation"),
        found(1.0, "suspicious_validation"),
        found(0.8, "underfit", "loss_plateau", "loss_not_decreasing"),
        fact(0.3, readings.has_dropout),
        cleared(-1.0, "strong_dropout", "dropout_on_output", "dropout_before_normalisation"),
    ),
    effects=("stagnation", "oscillation", "dead_tensor", *BLIND),
    remedies=(
        remedies.no_final_dropout,
        remedies.dropout(0.3),
        remedies.words("Put dropout behind normalisation, not in front of it."),
    ),
)

CONTRADICTORY_LAYERS = CauseDeclaration(
    id="contradictory_layers",
    title="Layers undo each other, or pass over what they are given",
    clues=(found(2.5, "bias_before_normalisation", "skipping_stride"),),
    remedies=(remedies.words("Leave out what the next layer takes away again, as the finding says."),),
)

CAUSES = (
    RECURRENT_RELU,
    LONG_PLAIN_RECURRENCE,
    TOO_DEEP,
    TOO_NARROW,
    TOO_LARGE,
    OVERFITTING,
    EXCESS_DROPOUT,
    CONTRADICTORY_LAYERS,
)
