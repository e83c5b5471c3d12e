"""Groups of rules that see one phenomenon, or what usually follows from it."""

RUINED = ("nonfinite_loss", "divergence", "loss_spike")
"""The loss went wrong."""

EXPLODING = (
    "exploding_gradient",
    "exploding_gradient_relative",
    "growing_gradient",
    "nonfinite_gradient",
    "gradient_spike",
)
"""Gradients became too large."""

BLOWN_UP = ("exploding_weights", "weight_growth", "update_spike")
"""Weights followed."""

STUCK = ("loss_not_decreasing", "loss_plateau", "stagnation", "underfit")
"""The loss does not fall."""

SIDE_EFFECTS = (
    *BLOWN_UP,
    "update_ratio",
    "dead_tensor",
    "unchanged_tensor",
    "dead_units",
    "saturated_units",
    "activation_scale",
    "constant_output",
    "constant_prediction",
    "layer_imbalance",
    "vanishing_gradient",
    "vanishing_through_time",
    "exploding_through_time",
    "clipping_saturated",
    "oscillation",
    "impossible_loss",
    "loss_metric_disagreement",
    "loss_not_decreasing",
    "loss_plateau",
    "underfit",
    "stagnation",
)
"""What an explosion leaves behind."""

BLIND = ("constant_prediction", "constant_output", "loss_metric_disagreement", "initial_loss", "impossible_loss")
"""The model does not see what it should predict."""
