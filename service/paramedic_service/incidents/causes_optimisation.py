"""Causes in how the loss is minimised: learning rate, optimizer, batches, clipping, initial weights."""

from paramedic_service.incidents import readings, remedies
from paramedic_service.incidents.evidence import CauseDeclaration, above, below, cleared, fact, found, grown
from paramedic_service.incidents.symptoms import BLOWN_UP, EXPLODING, RUINED, SIDE_EFFECTS, STUCK

LEARNING_RATE_TOO_HIGH = CauseDeclaration(
    id="learning_rate_too_high",
    title="Learning rate too high",
    prior=-1.5,
    clues=(
        above(3.5, "learning_rate_range"),
        above(1.5, "update_ratio", "update_spike"),
        found(1.5, "divergence", "loss_spike"),
        found(0.9, "nonfinite_loss"),
        found(1.2, "oscillation"),
        found(0.8, "exploding_gradient", "exploding_gradient_relative", "growing_gradient", "gradient_spike"),
        grown(0.7, *BLOWN_UP),
        found(0.7, "dead_units", "saturated_units", "constant_output"),
        found(0.3, "loss_not_decreasing", "constant_prediction"),
        fact(2.5, readings.rate_above_usual),
        fact(-1.5, readings.rate_below_usual),
        fact(-0.7, readings.rate_usual),
        found(-2.5, "nonfinite_input"),
        found(-1.0, "stagnation"),
        fact(-0.8, readings.out_of_the_blue),
    ),
    effects=(*SIDE_EFFECTS, "nonfinite_gradient"),
    remedies=(
        remedies.learning_rate(0.1),
        remedies.usual_learning_rate,
        remedies.clip,
        remedies.words("Warm the learning rate up over the first few hundred steps."),
    ),
)

LEARNING_RATE_TOO_LOW = CauseDeclaration(
    id="learning_rate_too_low",
    title="Learning rate too low",
    clues=(
        below(3.5, "learning_rate_range"),
        found(2.5, "stagnation"),
        below(2.0, "update_ratio"),
        found(0.7, "unchanged_tensor"),
        found(0.7, "loss_not_decreasing", "loss_plateau", "underfit"),
        fact(2.5, readings.rate_below_usual),
        fact(-2.5, readings.rate_above_usual),
        fact(-0.7, readings.rate_usual),
        found(-2.5, *EXPLODING, *RUINED),
        found(-1.0, "vanishing_gradient", "vanishing_through_time", "dead_units", "dead_tensor"),
    ),
    effects=("constant_prediction", "constant_output", "loss_metric_disagreement", "initial_loss"),
    remedies=(remedies.learning_rate(10.0), remedies.usual_learning_rate, remedies.optimizer("adam", 1e-3)),
)

UNSUITABLE_OPTIMIZER = CauseDeclaration(
    id="unsuitable_optimizer",
    title="Optimizer does not suit the task",
    clues=(
        found(3.0, "optimizer_choice"),
        found(2.5, "adam_epsilon"),
        found(0.8, "loss_plateau", "stagnation", "loss_not_decreasing"),
        cleared(-0.7, "optimizer_choice", "adam_epsilon"),
        found(-1.5, "vanishing_gradient", "vanishing_through_time", "dead_units"),
    ),
    effects=STUCK,
    remedies=(
        remedies.optimizer("rmsprop", 1e-3),
        remedies.setting("epsilon", 1e-7, "Set epsilon back to 1e-7."),
        remedies.words("Try SGD with momentum 0.9 and a schedule."),
    ),
)

BATCH_SIZE_TOO_SMALL = CauseDeclaration(
    id="batch_size_too_small",
    title="Batch size too small",
    clues=(
        below(3.0, "batch_size"),
        above(2.0, "gradient_noise"),
        found(0.9, "oscillation", "loss_spike", "gradient_spike"),
        fact(1.5, readings.tiny_batch),
        cleared(-1.0, "batch_size"),
    ),
    effects=("loss_plateau", "underfit"),
    remedies=(remedies.larger_batches, remedies.learning_rate(0.3)),
)

BATCH_SIZE_TOO_LARGE = CauseDeclaration(
    id="batch_size_too_large",
    title="Batch size too large",
    clues=(
        above(3.0, "batch_size"),
        below(2.0, "gradient_noise"),
        found(0.5, "stagnation", "loss_plateau", "underfit"),
        fact(1.5, readings.huge_batch),
        cleared(-1.0, "batch_size"),
    ),
    effects=STUCK,
    remedies=(remedies.smaller_batches, remedies.learning_rate(3.0)),
)

CLIPPING_TOO_TIGHT = CauseDeclaration(
    id="clipping_too_tight",
    title="Gradients are clipped too tightly",
    clues=(
        found(3.0, "clipping_saturated"),
        found(1.0, "stagnation", "loss_not_decreasing"),
        fact(1.5, readings.clipped_hard),
        found(-1.0, *RUINED),
    ),
    effects=(*STUCK, "update_ratio"),
    remedies=(remedies.loosen_clip, remedies.usual_clip, remedies.learning_rate(0.3)),
)

ACCUMULATING_GRADIENTS = CauseDeclaration(
    id="accumulating_gradients",
    title="Gradients are not reset between steps",
    clues=(
        found(4.0, "accumulating_gradient"),
        found(0.7, "growing_gradient", "exploding_gradient_relative"),
        found(0.4, *RUINED, "oscillation"),
    ),
    effects=SIDE_EFFECTS,
    remedies=(remedies.words("Reset gradients before every backward pass: optimizer.zero_grad(), or a new tape."),),
)

BAD_INITIALISATION = CauseDeclaration(
    id="bad_initialisation",
    title="Weights begin with the wrong scale",
    clues=(
        found(3.2, "initial_weights", "initialiser_scale", "constant_initialiser", "selu_initialiser"),
        found(1.0, "initial_loss"),
        found(1.0, "activation_scale"),
        found(0.7, "layer_imbalance", "vanishing_gradient", "saturated_units", "dead_units"),
        found(0.7, "vanishing_through_time", "exploding_through_time"),
        found(0.5, *EXPLODING),
        cleared(-1.5, "initial_weights"),
    ),
    effects=(*SIDE_EFFECTS, *STUCK, *RUINED, "dead_tensor", "constant_output"),
    remedies=(
        remedies.initializer("he_normal", "Initialise kernels by He for ReLU."),
        remedies.initializer("glorot_uniform", "Initialise kernels by Glorot for tanh and sigmoid."),
        remedies.orthogonal,
    ),
)

CONVERGED = CauseDeclaration(
    id="converged",
    title="The training has converged",
    clues=(
        found(1.5, "loss_plateau"),
        cleared(1.0, "vanishing_gradient", "dead_tensor"),
        cleared(0.5, "stagnation", "underfit"),
        found(-3.0, "loss_not_decreasing", *RUINED, *EXPLODING),
        found(-2.0, "vanishing_gradient", "vanishing_through_time", "stagnation", "underfit", "dead_units"),
    ),
    remedies=(
        remedies.words("Stop here, or go on with a smaller learning rate."),
        remedies.learning_rate(0.1),
    ),
)

CAUSES = (
    LEARNING_RATE_TOO_HIGH,
    LEARNING_RATE_TOO_LOW,
    UNSUITABLE_OPTIMIZER,
    BATCH_SIZE_TOO_SMALL,
    BATCH_SIZE_TOO_LARGE,
    CLIPPING_TOO_TIGHT,
    ACCUMULATING_GRADIENTS,
    BAD_INITIALISATION,
    CONVERGED,
)
