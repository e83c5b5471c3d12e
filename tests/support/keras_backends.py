"""What trainings on another backend of Keras are compared with."""

import numpy as np

FAULTS = {
    # A recurrent layer takes torch four seconds, and compiling takes JAX two for every model.
    "jax": ("vanishing through time", "dead units", "healthy recurrence"),
    "torch": (
        "vanishing",
        "vanishing through time",
        "exploding",
        "dead units",
        "one sigmoid unit for three classes",
        "softmax twice",
        "healthy dense layers",
        "healthy regression",
    ),
}
SEEN = 16
"""Samples a step of the trainings that are compared."""


def data() -> tuple[np.ndarray, np.ndarray]:
    """Seven batches of six features, and one of three classes each."""
    rng = np.random.default_rng(5)
    return rng.normal(size=(7 * SEEN, 6)).astype("float32"), rng.integers(0, 3, 7 * SEEN)


def plain_loop(weights: list[np.ndarray], clipnorm: bool = False) -> dict[str, np.ndarray]:
    """Trains a layer of tanh and one of logits by plain gradient descent of 0.1, and measures every step.

    Args:
        weights: Kernel and bias of both layers.
        clipnorm: Whether the gradient of each tensor is clipped to a norm of 0.01.
    """
    x, y = data()
    kernel, bias, out, offset = (each.astype(float) for each in weights)
    measured: dict[str, list] = {"loss": [], "gradient_norm": [], "weight_norm": [], "update_norm": []}
    for start in range(0, len(x), SEEN):
        inputs, targets = x[start : start + SEEN], np.eye(3)[y[start : start + SEEN]]
        hidden = np.tanh(inputs @ kernel + bias)
        logits = hidden @ out + offset
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        above = (shares - targets) / SEEN
        below = (above @ out.T) * (1 - hidden**2)
        gradients = [inputs.T @ below, below.sum(0), hidden.T @ above, above.sum(0)]
        norms = [np.linalg.norm(gradient) for gradient in gradients]
        scales = [min(1, 0.01 / norm) if clipnorm else 1 for norm in norms]
        updates = [-0.1 * scale * gradient for scale, gradient in zip(scales, gradients, strict=True)]
        before = (kernel, bias, out, offset)
        measured["loss"].append(-np.log((shares * targets).sum(1)).mean())
        measured["gradient_norm"].append(norms)
        measured["weight_norm"].append([np.linalg.norm(each) for each in before])
        measured["update_norm"].append([np.linalg.norm(update) for update in updates])
        kernel, bias, out, offset = (old + update for old, update in zip(before, updates, strict=True))
    return {name: np.array(values) for name, values in measured.items()}
