"""Causes in the data and in what it is held against: inputs, labels, loss and output."""

from paramedic_service.incidents import readings, remedies, task
from paramedic_service.incidents.evidence import CauseDeclaration, cleared, fact, found, mismatched, negative, raised
from paramedic_service.incidents.symptoms import BLIND, EXPLODING, RUINED, SIDE_EFFECTS, STUCK
from paramedic_service.rules.errors_messages import Fault

WRONG_OUTPUT_LAYER = CauseDeclaration(
    id="wrong_output_layer",
    title="The output layer does not fit the task",
    clues=(
        found(2.5, "output_layer"),
        found(2.0, "target_scale"),
        found(1.5, "doubled_activation"),
        fact(2.0, readings.doubled_at_output),
        raised(2.5, Fault.LABEL_RANGE),
        raised(3.5, Fault.OUTPUT_RANGE),
        found(0.8, "impossible_loss", "initial_loss", "nonfinite_loss"),
        found(0.8, "constant_prediction", "loss_metric_disagreement"),
        found(0.5, *STUCK),
        fact(2.5, task.output_does_not_fit),
        fact(-1.0, task.regression_loss_on_classes),
        fact(-1.5, task.loss_reads_other_labels),
        cleared(-1.5, "output_layer"),
    ),
    effects=(*BLIND, *RUINED, *EXPLODING, *SIDE_EFFECTS),
    remedies=(task.fitting_output, task.one_activation, task.scaled_targets),
)

WRONG_LOSS = CauseDeclaration(
    id="wrong_loss",
    title="The loss does not fit the task",
    clues=(
        found(2.2, "output_layer"),
        found(1.2, "loss_metric_disagreement"),
        found(0.7, "impossible_loss", "initial_loss"),
        found(0.5, *STUCK),
        fact(2.8, task.regression_loss_on_classes),
        fact(2.8, task.crossentropy_on_numbers),
        fact(-0.7, task.output_does_not_fit),
        fact(-1.5, task.loss_reads_other_labels),
        cleared(-1.5, "output_layer"),
    ),
    effects=(*BLIND, *RUINED, *EXPLODING),
    remedies=(task.fitting_loss,),
)

LABEL_ENCODING = CauseDeclaration(
    id="label_encoding",
    title="The labels are not written as the loss reads them",
    clues=(
        found(3.5, "label_range"),
        found(2.0, "output_layer"),
        raised(3.5, Fault.LABEL_RANGE),
        mismatched(3.0, labels=True),
        raised(0.7, Fault.INDEX_RANGE, Fault.DTYPE),
        negative(2.5, "impossible_loss"),
        found(0.5, "nonfinite_loss", "initial_loss"),
        found(0.4, *STUCK),
        fact(3.2, task.loss_reads_other_labels),
        cleared(-0.7, "output_layer", "label_range"),
    ),
    effects=(*BLIND, *RUINED, "training_error", "input_shape", "nonfinite_gradient"),
    remedies=(task.fitting_labels, task.fitting_loss),
)

UNNORMALISED_INPUT = CauseDeclaration(
    id="unnormalised_input",
    title="The inputs are not normalised",
    clues=(
        found(3.2, "unnormalised_input", "feature_scale"),
        found(0.8, "integer_input", "constant_feature"),
        found(0.7, *STUCK),
        found(0.7, *RUINED, "oscillation"),
        found(0.6, *EXPLODING),
        found(1.5, "initial_loss"),
        found(0.6, "saturated_units", "dead_units", "activation_scale"),
        cleared(-2.0, "unnormalised_input", "feature_scale"),
    ),
    effects=(*SIDE_EFFECTS, *BLIND),
    remedies=(
        remedies.standardise,
        task.tamed_targets,
        remedies.words("Or begin the model with a Normalization layer, adapted to the training set."),
    ),
)

BAD_INPUT_VALUES = CauseDeclaration(
    id="bad_input_values",
    title="The inputs hold NaN or infinity",
    clues=(
        found(4.5, "nonfinite_input"),
        found(0.7, "nonfinite_loss"),
        found(0.5, "nonfinite_gradient"),
        raised(1.5, Fault.NONFINITE),
        fact(1.5, readings.ruined_at_once),
        cleared(0.7, "exploding_gradient", "exploding_gradient_relative", "growing_gradient", "divergence"),
        fact(-1.0, readings.rate_above_usual),
        fact(-1.5, readings.inputs_finite),
        cleared(-1.0, "nonfinite_input"),
        found(-1.0, "exploding_gradient", "exploding_gradient_relative", "growing_gradient", "divergence"),
    ),
    effects=(*RUINED, *EXPLODING, *SIDE_EFFECTS, *BLIND),
    remedies=(remedies.clean, remedies.words("Look for divisions by zero and logarithms of zero in the preparation.")),
)

CORRUPT_BATCH = CauseDeclaration(
    id="corrupt_batch",
    title="A batch is corrupt",
    clues=(
        found(2.0, "gradient_spike"),
        found(1.5, "loss_spike"),
        found(0.5, "update_spike", "exploding_gradient_relative"),
        fact(1.5, readings.recovered),
        fact(1.8, readings.out_of_the_blue),
        found(-1.5, "divergence", "growing_gradient", "oscillation"),
        fact(-0.7, readings.recurrent),
        fact(-1.0, readings.rate_above_usual),
    ),
    effects=("nonfinite_loss", *EXPLODING, *SIDE_EFFECTS),
    remedies=(
        remedies.words("Inspect the batches just before the spike: order, labels, outliers."),
        remedies.clip,
    ),
)

CLASS_IMBALANCE = CauseDeclaration(
    id="class_imbalance",
    title="The classes are imbalanced",
    clues=(
        found(3.5, "class_imbalance"),
        found(1.5, "constant_prediction"),
        found(0.5, "loss_metric_disagreement", "loss_plateau", "loss_not_decreasing"),
        fact(-1.5, readings.weighted),
        cleared(-2.0, "class_imbalance"),
    ),
    effects=("underfit", "stagnation", "constant_output", "initial_loss"),
    remedies=(remedies.balance, remedies.words("Judge by balanced accuracy or the area under the curve.")),
)

UNLEARNABLE_LABELS = CauseDeclaration(
    id="unlearnable_labels",
    title="The labels cannot be learned from the inputs",
    clues=(
        found(1.8, "loss_not_decreasing"),
        found(1.0, "constant_prediction", "underfit"),
        found(0.4, "overfit"),
        cleared(0.8, "vanishing_gradient", "dead_tensor"),
        cleared(0.5, "output_layer", "unnormalised_input", "class_imbalance"),
        cleared(0.3, "dead_units", "saturated_units", "vanishing_through_time"),
        fact(0.5, readings.rate_usual),
        fact(-2.0, readings.rate_below_usual),
        fact(-2.0, readings.rate_above_usual),
        fact(-2.5, readings.plain_over_long),
        found(-2.0, *EXPLODING, *RUINED, "stagnation"),
        found(-2.0, "vanishing_gradient", "vanishing_through_time", "dead_units", "saturated_units", "dead_tensor"),
        found(-1.5, "output_layer", "unnormalised_input", "strong_dropout", "too_deep"),
    ),
    effects=("loss_plateau", "loss_metric_disagreement", "constant_output"),
    remedies=(
        remedies.words(
            "Check that labels belong to their inputs: shuffle both alike, and overfit a single batch first."
        ),
        remedies.words("Compare with a simple model on the same features."),
    ),
)

DATA_LEAKAGE = CauseDeclaration(
    id="data_leakage",
    title="The validation set leaks, or the target stands in the inputs",
    clues=(
        found(2.5, "suspicious_validation"),
        found(1.5, "impossible_loss"),
        negative(-2.5, "impossible_loss"),
        fact(-1.5, readings.has_dropout),
        found(-1.5, "output_layer", "label_range", *RUINED),
    ),
    remedies=(
        remedies.words("Split before any resampling, by group or time where samples depend on each other."),
        remedies.words("Look for features that are made from the target."),
    ),
)

INPUT_SHAPE = CauseDeclaration(
    id="input_shape",
    title="The inputs do not have the shape that the model reads",
    clues=(
        found(4.0, "input_shape", "missing_return_sequences"),
        mismatched(3.0, labels=False),
        found(2.0, "excessive_padding"),
    ),
    effects=("training_error", *STUCK, *BLIND),
    remedies=(
        remedies.shaped,
        remedies.words("Reshape to (batch, timesteps, features); pad, truncate or window sequences of unequal length."),
        remedies.words("Mask padding: Masking, or Embedding(mask_zero=True); sort samples by length."),
    ),
)

CAUSES = (
    WRONG_OUTPUT_LAYER,
    WRONG_LOSS,
    LABEL_ENCODING,
    UNNORMALISED_INPUT,
    BAD_INPUT_VALUES,
    CORRUPT_BATCH,
    CLASS_IMBALANCE,
    UNLEARNABLE_LABELS,
    DATA_LEAKAGE,
    INPUT_SHAPE,
)
