"""Optimizers and their learning-rate schedules, by Keras's names."""

from collections.abc import Mapping
from typing import Any

from paramedic_service.reproduction.plan.checks import Check, boolean, integer, listed, number, only, several, shown
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.parts import arguments, part
from paramedic_service.reproduction.plan.plans import OptimizerPlan, Part
from paramedic_service.rules.description import Optimizer

_RATE = number(0, 1e6)
_BOUND = number(1e-30, 1e30)
_SHARE = number(0, 1)
_EPSILON = number(0, 1e6)
_DECAY = number(0, 1e6)
_STEPS = number(1e-9, 1e12)

_OF_EVERY: Mapping[str, Check] = {
    "weight_decay": _DECAY,
    "use_ema": only(False, "averages of weights over time are not kept"),
    "ema_momentum": _SHARE,
}
_MOMENTS: Mapping[str, Check] = {"beta_1": _SHARE, "beta_2": _SHARE, "epsilon": _EPSILON}

OPTIMIZERS: Mapping[str, Mapping[str, Check]] = {
    "sgd": {"momentum": _SHARE, "nesterov": boolean},
    "rmsprop": {"rho": _SHARE, "momentum": _SHARE, "epsilon": _EPSILON, "centered": boolean},
    "adam": {**_MOMENTS, "amsgrad": boolean},
    "adamw": {**_MOMENTS, "amsgrad": boolean},
    "adamax": _MOMENTS,
    "nadam": _MOMENTS,
    "lamb": _MOMENTS,
    "lion": {"beta_1": _SHARE, "beta_2": _SHARE},
    "adagrad": {"initial_accumulator_value": _DECAY, "epsilon": _EPSILON},
    "adadelta": {"rho": _SHARE, "epsilon": _EPSILON},
    "adafactor": {
        "beta_2_decay": number(-10, 0),
        "epsilon_1": _EPSILON,
        "epsilon_2": _EPSILON,
        "clip_threshold": number(1e-9, 1e9),
        "relative_step": boolean,
    },
    "ftrl": {
        "learning_rate_power": number(-10, 0),
        "initial_accumulator_value": _DECAY,
        "l1_regularization_strength": _DECAY,
        "l2_regularization_strength": _DECAY,
        "l2_shrinkage_regularization_strength": _DECAY,
        "beta": _DECAY,
    },
    "muon": {
        "adam_beta_1": _SHARE,
        "adam_beta_2": _SHARE,
        "epsilon": _EPSILON,
        "muon_a": number(-100, 100),
        "muon_b": number(-100, 100),
        "muon_c": number(-100, 100),
        "adam_lr_ratio": number(0, 1e6),
        "momentum": _SHARE,
        "ns_steps": integer(1, 20),
        "nesterov": boolean,
        "exclude_embeddings": boolean,
        "exclude_layers": only([], "layers are not told apart by regular expressions"),
        "adam_weight_decay": _DECAY,
        "rms_rate": number(0, 100),
    },
}
"""Arguments beside the learning rate and clipping, by class name in lower case."""

SCHEDULES: Mapping[str, Mapping[str, Check]] = {
    "ExponentialDecay": {
        "initial_learning_rate": _RATE, "decay_steps": _STEPS, "decay_rate": number(0, 1e6), "staircase": boolean,
    },
    "InverseTimeDecay": {
        "initial_learning_rate": _RATE, "decay_steps": _STEPS, "decay_rate": number(0, 1e6), "staircase": boolean,
    },
    "PolynomialDecay": {
        "initial_learning_rate": _RATE, "decay_steps": _STEPS, "end_learning_rate": _RATE, "power": number(0, 100),
        "cycle": boolean,
    },
    "CosineDecay": {
        "initial_learning_rate": _RATE, "decay_steps": _STEPS, "alpha": number(0, 1e6), "warmup_target": _RATE,
        "warmup_steps": number(0, 1e12),
    },
    "CosineDecayRestarts": {
        "initial_learning_rate": _RATE, "first_decay_steps": _STEPS, "t_mul": number(1e-3, 1e3),
        "m_mul": number(0, 1e3), "alpha": number(0, 1e6),
    },
    "PiecewiseConstantDecay": {
        "boundaries": several(number(0, 1e12), 1, 256), "values": several(_RATE, 2, 257),
    },
}  # fmt: skip
_NEEDS = {
    "ExponentialDecay": ("initial_learning_rate", "decay_steps", "decay_rate"),
    "InverseTimeDecay": ("initial_learning_rate", "decay_steps", "decay_rate"),
    "PolynomialDecay": ("initial_learning_rate", "decay_steps"),
    "CosineDecay": ("initial_learning_rate", "decay_steps"),
    "CosineDecayRestarts": ("initial_learning_rate", "first_decay_steps"),
    "PiecewiseConstantDecay": ("boundaries", "values"),
}
_RATES = ("initial_learning_rate", "end_learning_rate", "warmup_target", "values")
"""Arguments of schedules that are learning rates."""

_ALIASES = {"rms_prop": "rmsprop", "rm_sprop": "rmsprop", "adam_w": "adamw"}
_DEFAULT_RATES = {"sgd": 0.01}
_DEFAULT_RATE = 0.001
"""Keras's own, where a description says nothing."""

_schedule = part(SCHEDULES, "schedule")


def optimizer_plan(optimizer: Optimizer, path: str, limits: Limits, factor: float = 1.0) -> OptimizerPlan:
    """Checks an optimizer.

    Args:
        optimizer: As described.
        path: Of its field, for errors.
        limits: Bounds.
        factor: By which a remedy changed the learning rate, for the schedule to follow.
    """
    name = _ALIASES.get(optimizer.name, optimizer.name) if isinstance(optimizer.name, str) else optimizer.name
    if not isinstance(name, str) or name not in OPTIMIZERS:
        raise SpecError(f"{path}.name", f"got {shown(name)}, expected an optimizer of {listed(OPTIMIZERS)}")
    settings = dict(optimizer.settings)
    reported = settings.pop("learning_rate", None)
    schedule = None
    if optimizer.schedule:
        schedule = _scaled(_scheduled(optimizer.schedule, reported, path, limits), factor, path)
    rate = optimizer.learning_rate
    if rate is None:
        rate = _DEFAULT_RATES.get(name, _DEFAULT_RATE)
    bounds = {
        bound: None if value is None else _BOUND(value, f"{path}.{bound}", limits)
        for bound in ("clipnorm", "clipvalue", "global_clipnorm")
        if (value := getattr(optimizer, bound)) is not None
    }
    if len(bounds) > 1:
        raise SpecError(
            f"{path}.{min(bounds)}", f"gradients can be clipped in one way, not by {listed(bounds)} at once"
        )
    return OptimizerPlan(
        name=name,
        learning_rate=_RATE(rate, f"{path}.learning_rate", limits),
        schedule=schedule,
        arguments=_arguments(name, settings, path, limits),
        **bounds,
    )


def _arguments(name: str, settings: Mapping[str, Any], path: str, limits: Limits) -> dict[str, Any]:
    field = f"{path}.settings"
    checked = arguments(settings, {**_OF_EVERY, **OPTIMIZERS[name]}, field, limits)
    # Fractions of a running mean: at 1 it never moves, and Keras refuses it.
    if checked.get("nesterov") and not checked.get("momentum", 0.95 if name == "muon" else 0.0):
        raise SpecError(f"{field}.nesterov", "there is nothing to look ahead by without momentum")
    return checked


def _scheduled(kind: str, reported: Any, path: str, limits: Limits) -> Part:
    field = f"{path}.settings.learning_rate"
    if not isinstance(kind, str) or kind not in SCHEDULES:
        raise SpecError(
            f"{path}.schedule",
            f"got {shown(kind)}, expected a schedule of {listed(SCHEDULES)}; code of your own is not run",
        )
    if not isinstance(reported, Mapping) or reported.get("class_name") != kind:
        raise SpecError(field, f"got {shown(reported)}, expected the class_name and config of the {kind}")
    schedule: Part = _schedule(reported, field, limits)
    missing = [name for name in _NEEDS[kind] if name not in schedule.arguments]
    if missing:
        raise SpecError(f"{field}.config.{missing[0]}", f"a {kind} cannot be built without it")
    if kind == "PiecewiseConstantDecay":
        boundaries, values = schedule.arguments["boundaries"], schedule.arguments["values"]
        if len(values) != len(boundaries) + 1 or list(boundaries) != sorted(set(boundaries)):
            raise SpecError(f"{field}.config.boundaries", "expected them ascending, and one value more than there are")
    return schedule


def _scaled(schedule: Part, factor: float, path: str) -> Part:
    """The schedule with all of its learning rates changed by a factor."""
    changed = dict(schedule.arguments)
    for name in _RATES:
        if name in changed:
            rates = changed[name]
            changed[name] = tuple(rate * factor for rate in rates) if isinstance(rates, tuple) else rates * factor
            if not max(changed[name] if isinstance(rates, tuple) else (changed[name],)) <= 1e6:
                raise SpecError(f"{path}.learning_rate", "the schedule's learning rates exceed 1e6")
    return Part(schedule.kind, changed)
