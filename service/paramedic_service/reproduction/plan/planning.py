"""From a specification to a plan."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic_service.ingest.description import read
from paramedic_service.reproduction.patches import read_patch
from paramedic_service.reproduction.plan.checks import boolean, integer, listed, readable, shown
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.losses import METRICS, loss_plan
from paramedic_service.reproduction.plan.model import model_plan
from paramedic_service.reproduction.plan.optimizers import optimizer_plan
from paramedic_service.reproduction.plan.patching import data_operations, patched, rate_factor
from paramedic_service.reproduction.plan.plans import ArmPlan, LossPlan, ModelPlan, Plan, WorkloadArm, WorkloadPlan
from paramedic_service.reproduction.plan.profiles import check_data, check_source
from paramedic_service.reproduction.plan.screening import screen
from paramedic_service.reproduction.plan.structure import structure_of
from paramedic_service.rules.catalogue import RULES
from paramedic_service.rules.description import Description, Loss

DEFAULT_STEPS = 300
DEFAULT_SEEDS = 3
DEFAULT_BATCH_SIZE = 32
AS_REPORTED = "as reported"

_ARM_NAME = 200
_WORKLOAD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_RULE_IDS = frozenset(rule.id for rule in RULES)


def plan(spec: ReproductionSpec, limits: Limits) -> Plan:
    """Checks a specification that has a description, and plans its trainings.

    Raises:
        SpecError: It names what is not known, holds nonsense, or asks for more than the limits; also where only the
            training as reported does not fit. A remedy that does not fit is told by its arm's `error`.
    """
    screen(spec, limits)
    if spec.workload:
        raise SpecError("workload", f"got {shown(spec.workload)}, and a description is planned; leave one of them out")
    if spec.workload_arguments.fields:
        raise SpecError("workload_arguments", "there is no workload to tell them to")
    if not spec.HasField("description"):
        raise SpecError("description", "there is none; give a description, or name a workload")
    arms = _arms(spec)
    steps, seeds, rules = _extent(spec, len(arms), limits)
    check_source(spec.data, limits)
    description = read(spec.description)
    check_data(description.data, limits)
    first = _arm(0, arms[0], description, limits)
    return Plan(
        title=spec.title,
        arms=(first, *(_other_arm(place, arms[place], description, first, limits) for place in range(1, len(arms)))),
        steps=steps,
        seeds=seeds,
        rules=rules,
        data=spec.data,
        description=description,
    )


def plan_workload(spec: ReproductionSpec, limits: Limits) -> WorkloadPlan:
    """Checks a specification that names a workload; an arm's patch replaces fields of its arguments.

    Raises:
        SpecError: As with `plan`.
    """
    screen(spec, limits)
    if spec.HasField("description"):
        raise SpecError("description", "a workload has none; leave one of them out")
    if not spec.workload or len(spec.workload) > 100 or not _WORKLOAD.fullmatch(spec.workload):
        raise SpecError("workload", f'got {shown(spec.workload)}, expected a name of letters, digits, "-", "_" and "."')
    arms = _arms(spec)
    steps, seeds, rules = _extent(spec, len(arms), limits)
    check_source(spec.data, limits)
    arguments = _finite(read_patch(spec.workload_arguments), "workload_arguments")
    return WorkloadPlan(
        title=spec.title,
        workload=spec.workload,
        arms=tuple(_workload_arm(place, arm, arguments) for place, arm in enumerate(arms)),
        steps=steps,
        seeds=seeds,
        rules=rules,
        data=spec.data,
    )


def _arms(spec: ReproductionSpec) -> Sequence[Arm]:
    if not spec.arms:
        return (Arm(name=AS_REPORTED),)
    seen: dict[str, int] = {}
    for place, arm in enumerate(spec.arms):
        field = f"arms[{place}].name"
        readable(arm.name, field, _ARM_NAME)
        if not arm.name.strip():
            raise SpecError(field, "got nothing, expected a name")
        if arm.name in seen:
            raise SpecError(field, f"{shown(arm.name)} is the name of arms[{seen[arm.name]}] already")
        seen[arm.name] = place
    return tuple(spec.arms)


def _extent(spec: ReproductionSpec, arms: int, limits: Limits) -> tuple[int, tuple[int, ...], tuple[str, ...]]:
    """Steps, seeds and rules, within bounds also where they are multiplied."""
    steps = integer(1, "steps")(spec.steps or min(DEFAULT_STEPS, limits.steps), "steps", limits)
    seeds = integer(1, "seeds")(spec.seeds or min(DEFAULT_SEEDS, limits.seeds), "seeds", limits)
    total = steps * seeds * arms
    if total > limits.total_steps:
        raise SpecError(
            "steps",
            f"{arms} arms from {seeds} seeds for {steps} steps are {total:,}, expected at most {limits.total_steps:,}",
        )
    for place, rule in enumerate(spec.rules):
        if rule not in _RULE_IDS:
            raise SpecError(f"rules[{place}]", f"there is no rule {shown(rule)}; `paramedic rules` lists them")
    return steps, tuple(range(seeds)), tuple(dict.fromkeys(spec.rules))


def _arm(index: int, arm: Arm, reported: Description, limits: Limits) -> ArmPlan:
    path = f"arms[{index}].patch"
    patch = dict(sorted(read_patch(arm.patch).items()))  # maps on the wire have no order
    description = patched(reported, patch, path)
    training = description.training
    given = training.batch_size if training is not None and training.batch_size is not None else DEFAULT_BATCH_SIZE
    batch_size = integer(1, "batch_size")(given, "description.training.batch_size", limits)
    if training is not None and training.custom_step:
        raise SpecError("description.training.custom_step", "it is trained by a step of its own, whose code is not run")
    check_data(description.data, limits)
    model = model_plan(reported, description, batch_size, limits)
    if reported.optimizer is None or description.optimizer is None:
        raise SpecError("description.optimizer", "there is none; report the run with a client that describes it")
    factor = rate_factor(reported.optimizer, description.optimizer, patch)
    optimizer = optimizer_plan(description.optimizer, "description.optimizer", limits, factor)
    losses = _losses(description.losses, model, limits)
    weighted = bool(training is not None and boolean(training.weighted, "description.training.weighted", limits))
    metrics = () if training is None else tuple(name for name in dict.fromkeys(training.metrics) if name in METRICS)
    return ArmPlan(
        index=index,
        name=arm.name,
        description=description,
        model=model,
        optimizer=optimizer,
        losses=losses,
        metrics=metrics,
        batch_size=batch_size,
        class_weights=weighted,
        operations=data_operations(patch),
        structure=structure_of(model, optimizer, losses, batch_size, weighted),
    )


def _other_arm(index: int, arm: Arm, reported: Description, first: ArmPlan, limits: Limits) -> ArmPlan:
    """A remedy; one that does not fit says so, and leaves the others alone."""
    try:
        return _arm(index, arm, reported, limits)
    except SpecError as error:
        if not error.field.startswith("arms["):
            error = SpecError(f"arms[{index}].patch", f"with it, {error.field}: {error.reason}")
        return dataclasses.replace(first, index=index, name=arm.name, error=error)


def _losses(losses: Sequence[Loss], model: ModelPlan, limits: Limits) -> tuple[LossPlan, ...]:
    """One an output, in the order of the outputs."""
    if not losses:
        raise SpecError("description.losses", "there are none: a training step of its own computes what is minimised")
    if len(losses) != len(model.outputs):
        raise SpecError("description.losses", f"got {len(losses)}, and the model has {len(model.outputs)} outputs")
    plans = {place: loss_plan(loss, f"description.losses[{place}]", limits) for place, loss in enumerate(losses)}
    places = {loss.output: place for place, loss in enumerate(losses)}
    if set(places) == set(model.outputs):
        return tuple(plans[places[output]] for output in model.outputs)
    return tuple(plans.values())


def _workload_arm(index: int, arm: Arm, arguments: Mapping[str, Any]) -> WorkloadArm:
    path = f"arms[{index}].patch"
    try:
        changes = {
            name: _set(name, operation, arguments, path) for name, operation in sorted(read_patch(arm.patch).items())
        }
    except SpecError as error:
        if not index:
            raise
        return WorkloadArm(index, arm.name, dict(arguments), error)
    return WorkloadArm(index, arm.name, {**arguments, **changes})


def _set(name: str, operation: Any, arguments: Mapping[str, Any], path: str) -> Any:
    """What one operation of a workload's patch sets an argument to."""
    if name not in arguments:
        raise SpecError(path, f"there is no argument {shown(name)}; there are {listed(arguments) or 'none'}")
    if isinstance(operation, Mapping) and set(operation) == {"set"}:
        operation = operation["set"]
    return _finite({name: operation}, path)[name]


def _finite(arguments: dict[str, Any], path: str) -> dict[str, Any]:
    """Refuses numbers that are not finite, which a workload would have to expect everywhere."""
    pending: list[Any] = [arguments]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, float) and not abs(value) < float("inf"):
            raise SpecError(path, f"got {value}, expected finite numbers")
    return arguments
