"""Losses by Keras's names, and metrics that can be measured beside them."""

from collections.abc import Mapping

from paramedic_service.reproduction.plan.checks import (
    Check,
    boolean,
    choice,
    either,
    integer,
    listed,
    number,
    only,
    readable,
    shown,
)
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.parts import arguments
from paramedic_service.reproduction.plan.plans import LossPlan
from paramedic_service.rules.description import Loss

_SHARE = number(0, 1)
_AXIS = either(integer(-6, 5), only(None, "all axes"))
_SMOOTHED: Mapping[str, Check] = {"label_smoothing": _SHARE, "axis": _AXIS}
_FOCAL: Mapping[str, Check] = {**_SMOOTHED, "alpha": _SHARE, "gamma": number(0, 100)}

LOSSES: Mapping[str, Mapping[str, Check]] = {
    "binary_crossentropy": _SMOOTHED,
    "binary_focal_crossentropy": {**_FOCAL, "apply_class_balancing": boolean},
    "categorical_crossentropy": _SMOOTHED,
    "categorical_focal_crossentropy": _FOCAL,
    "sparse_categorical_crossentropy": {"ignore_class": integer(-1, "classes"), "axis": _AXIS},
    "categorical_generalized_cross_entropy": {"q": number(1e-6, 1)},
    "categorical_hinge": {},
    "hinge": {},
    "squared_hinge": {},
    "kl_divergence": {},
    "poisson": {},
    "mean_squared_error": {},
    "mean_absolute_error": {},
    "mean_absolute_percentage_error": {},
    "mean_squared_logarithmic_error": {},
    "huber": {"delta": number(1e-9, 1e9)},
    "log_cosh": {},
    "cosine_similarity": {"axis": _AXIS},
    "dice": {"axis": _AXIS},
    "tversky": {"alpha": _SHARE, "beta": _SHARE, "axis": _AXIS},
    "ctc": {},
    "circle": {"gamma": number(0, 1e6), "margin": number(-10, 10), "remove_diagonal": boolean},
}
"""Arguments beside `from_logits` and `reduction`, by name in snake case."""

ON_LOGITS = frozenset(name for name in LOSSES if name.endswith("crossentropy"))
"""Losses that read logits when told to."""

_ALIASES = {
    "mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error", "bce": "binary_crossentropy", "bfce": "binary_focal_crossentropy",
    "kld": "kl_divergence", "kullback_leibler_divergence": "kl_divergence", "logcosh": "log_cosh",
    "huber_loss": "huber", "MSE": "mean_squared_error", "MAE": "mean_absolute_error",
}  # fmt: skip
_REDUCTION = choice("sum", "sum_over_batch_size", "mean", "mean_with_sample_weight")

METRICS = frozenset(
    {"accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"}
    | {"mean_squared_error", "mean_absolute_error", "mse", "mae", "root_mean_squared_error"}
)


def loss_plan(loss: Loss, path: str, limits: Limits) -> LossPlan:
    """Checks the loss of one output.

    Args:
        loss: As described.
        path: Of its field, for errors.
        limits: Bounds.
    """
    name = _ALIASES.get(loss.name, loss.name) if isinstance(loss.name, str) else loss.name
    if not isinstance(name, str) or name not in LOSSES:
        raise SpecError(
            f"{path}.name", f"got {shown(name)}, expected a loss of {listed(LOSSES)}; code of your own is not run"
        )
    readable(loss.output, f"{path}.output", limits.text)
    if loss.from_logits is not None and not isinstance(loss.from_logits, bool):
        raise SpecError(f"{path}.from_logits", f"got {shown(loss.from_logits)}, expected true or false")
    if loss.from_logits and name not in ON_LOGITS:
        raise SpecError(f"{path}.from_logits", f"{name} reads no logits; {listed(ON_LOGITS)} do")
    checked = arguments(loss.settings, {**LOSSES[name], "reduction": _REDUCTION}, f"{path}.settings", limits)
    return LossPlan(
        name=name,
        from_logits=loss.from_logits if name in ON_LOGITS else None,
        arguments=checked,
        weight=number(-1e6, 1e6)(loss.weight, f"{path}.weight", limits),
    )
