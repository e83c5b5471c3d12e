"""From what somebody asks to reproduce to what is to be trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic.v1.run_pb2 import RunIdentity
from paramedic_service.incidents.catalogue import CAUSES
from paramedic_service.incidents.incident import Incident
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.translation import identity_to_message
from paramedic_service.reproduction.plan import Limits, SpecError
from paramedic_service.reproduction.remedy_arms import arms_of
from paramedic_service.rules.catalogue import RULES
from paramedic_service.rules.finding import Severity

STEPS = (100, 600)
"""Fewest and most steps that are asked for a run's reproduction unless somebody says otherwise: rules need some to know
a healthy training from a faulty one, and remedies some to show; and somebody waits."""

DEFAULT_STEPS = 300
"""Where nothing that was measured tells how long a training needs to show its fault."""

HEADROOM = 2.0
"""Times the step at which the original's fault was found: another seed may take longer."""

_FAMILIES = {rule.id: rule.family for rule in RULES}
_SEVERITIES = {rule.id: rule.severity for rule in RULES}
_SYMPTOMS = {cause.id: frozenset(cause.symptoms) for cause in CAUSES}

# Families of rules that read the configuration or the data, and know what they find before the first step.
_KNOWN_BEFOREHAND = frozenset({"config", "data"})
# They judge how long a training is going to be: one that is made longer is another.
_OF_THE_LENGTH = frozenset({"batch_size"})
# They see the clock of a machine that is not ours.
_OF_THE_MACHINE = frozenset({"run"})
_MEASURED = frozenset(rule.id for rule in RULES if rule.family not in _KNOWN_BEFOREHAND | _OF_THE_MACHINE)


class OriginError(Exception):
    """What is to be reproduced cannot be; the message says why, and what to do."""


class UnknownOriginError(OriginError):
    """There is no such thing to reproduce."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a request comes to.

    Attributes:
        spec: What to train.
        incident: Of the run; empty without one.
    """

    spec: ReproductionSpec
    incident: str = ""


def from_run(
    live: LiveRun, limits: Limits, *, asked: ReproductionSpec, incident: str = "", shared: bool = False
) -> Origin:
    """A reproduction of a run's incident: the training as reported, and one arm a distinct remedy.

    Args:
        live: The run.
        limits: Bounds of arms and steps.
        asked: Arms, steps, seeds, rules, data and title that replace those which come of the run.
        incident: Its id; empty: the worst that is open, else the worst.
        shared: Whether the run's author shared a sample of its data.

    Raises:
        UnknownOriginError: The run has no such incident.
        OriginError: Nothing was found in the run, or its model is not known.
    """
    chosen = _incident(live, incident)
    if not live.description.model.layers:
        raise OriginError(
            f"the model of {_label(live)} is not known, so it cannot be trained again; report it with"
            " paramedic's Keras Monitor or run.describe(model=...), or reproduce a scenario or a spec of your own"
        )
    rules = rules_of(chosen)
    spec = ReproductionSpec(
        title=f"{live.key.project}/{live.key.id}: {chosen.summary}"[: limits.text],
        description=live.description,
        steps=_steps(live, rules, limits),
        arms=arms_of(chosen.causes, limits.arms),
        rules=rules[: limits.rules],
    )
    spec.description.model.ClearField("framework_json")
    spec.description.ClearField("config")
    if shared:
        spec.data.shared.CopyFrom(identity_to_message(live.key))
    else:
        spec.data.synthesis.SetInParent()
    return Origin(_replaced(spec, asked), chosen.id)


def from_scenario(make: Callable[[], ReproductionSpec], asked: ReproductionSpec) -> Origin:
    """A reproduction of a scenario.

    Args:
        make: Of the scenario.
        asked: Arms, steps, seeds, rules, data and title that replace its own.
    """
    return Origin(_replaced(make(), asked))


def from_spec(asked: ReproductionSpec) -> Origin:
    """A reproduction of what somebody wrote down.

    Raises:
        SpecError: It says nothing of what to train.
    """
    if not asked.workload and not asked.HasField("description"):
        raise SpecError("spec", "nothing is named to be trained; give a run, a scenario, or a spec with a description")
    spec = ReproductionSpec()
    spec.CopyFrom(asked)
    return Origin(spec)


def shared_by(spec: ReproductionSpec) -> RunIdentity | None:
    """The run whose shared sample a spec trains on; None when it trains on none."""
    return spec.data.shared if spec.data.WhichOneof("source") == "shared" else None


def rules_of(incident: Incident) -> list[str]:
    """The rules by which an incident's fault is told when it is trained again.

    Those that speak for its likeliest cause, without what the cause only sets off: a training whose layers are too deep
    is mended when its gradients arrive, though they may still fade over time. Of these the gravest: that a training
    stops exploding is not denied by a loss that still jumps at times.

    Args:
        incident: Of the run.

    Returns:
        Ids, in the order in which they opened.
    """
    speaking = _SYMPTOMS[incident.causes[0].id] if incident.causes else frozenset[str]()
    told = [rule for rule in incident.rules if rule in speaking and _FAMILIES.get(rule) not in _OF_THE_MACHINE]
    known = told or [rule for rule in incident.rules if rule in _MEASURED] or list(incident.rules)
    worst = max(_severity(rule) for rule in known)
    return [rule for rule in known if _severity(rule) == worst]


def _incident(live: LiveRun, wanted: str) -> Incident:
    incidents: Sequence[Incident] = live.incidents
    if not incidents:
        raise OriginError(
            f"nothing is wrong with {_label(live)} as far as its rules can tell, so there is no fault to reproduce;"
            " give a spec of your own to train it all the same"
        )
    if not wanted:
        return incidents[0]  # open ones come first, the worst of them first
    for incident in incidents:
        if incident.id == wanted or wanted in incident.rules:
            return incident
    known = ", ".join(incident.id for incident in incidents)
    raise UnknownOriginError(f"{_label(live)} has no incident {wanted!r}; it has {known}")


def _steps(live: LiveRun, rules: Sequence[str], limits: Limits) -> int:
    """Enough for the first of the fault's rules to fire again; other findings may have come far earlier."""
    findings = live.diagnosis.findings
    steps = [findings[rule].opened_step for rule in rules if rule in findings and rule in _MEASURED]
    fewest, most = STEPS
    needed = round(HEADROOM * max(min(steps), 0)) + fewest if steps else DEFAULT_STEPS
    training = live.description.training
    planned = training.epochs * training.steps_per_epoch
    if planned and not _OF_THE_LENGTH.isdisjoint(rules):
        needed = min(needed, planned)
    return min(needed, most, limits.steps)


def _severity(rule: str) -> Severity:
    return _SEVERITIES.get(rule, Severity.WARNING)


def _replaced(spec: ReproductionSpec, asked: ReproductionSpec) -> ReproductionSpec:
    """The spec with what the request says otherwise."""
    for field in ("arms", "rules"):
        if getattr(asked, field):
            spec.ClearField(field)
    chosen = ReproductionSpec(
        title=asked.title, steps=asked.steps, seeds=asked.seeds, arms=asked.arms, rules=asked.rules
    )
    spec.MergeFrom(chosen)
    if asked.data.WhichOneof("source"):
        spec.data.CopyFrom(asked.data)
    return spec


def _label(live: LiveRun) -> str:
    return f"run {live.key.id!r} of project {live.key.project!r}"
