"""Findings and trainings as incidents are made from."""

from collections.abc import Mapping
from typing import Any

from paramedic_service.incidents.diagnose import diagnose
from paramedic_service.incidents.incident import Incident
from paramedic_service.rules.catalogue import RULES
from paramedic_service.rules.description import (
    ArrayProfile,
    Data,
    Description,
    Layer,
    Loss,
    Model,
    Optimizer,
    Training,
)
from paramedic_service.rules.finding import Change, Evidence, Finding, Severity

SEVERITIES = {rule.id: rule.severity for rule in RULES}
INFO = {"loss_plateau"}


def finding(
    rule: str,
    step: int = 100,
    *,
    value: float = 1.0,
    threshold: float | None = None,
    is_open: bool = True,
    summary: str = "",
    meaning: str = "value",
) -> Finding:
    """A finding as the rule would make it."""
    severity = SEVERITIES.get(rule, Severity.INFO if rule in INFO else Severity.WARNING)
    return Finding(
        rule=rule,
        family="",
        severity=severity,
        change=Change.OPENED if is_open else Change.RESOLVED,
        opened_step=step,
        last_step=step,
        resolved_step=None if is_open else step + 50,
        violations=1,
        episodes=1,
        summary=summary or f"What {rule} looks for was seen at step {step}.",
        evidence=(Evidence("signal", step, value, meaning, threshold=threshold),),
        remedies=(),
    )


def incidents(
    *found: Finding | str, description: Description | None = None, abstentions: Mapping[str, str] | None = None
) -> tuple[Incident, ...]:
    """Incidents of some findings; of rules that are only named, one after the other from step 100."""
    made = [each if isinstance(each, Finding) else finding(each, 100 + place) for place, each in enumerate(found)]
    return diagnose({each.rule: each for each in made}, abstentions or {}, description or Description())


def first_cause(*found: Finding | str, **known: Any) -> str:
    """The first cause of the first incident."""
    return incidents(*found, **known)[0].causes[0].id


def training(
    *layers: Layer,
    rate: float | None = 1e-3,
    optimizer: str = "adam",
    loss: str = "",
    from_logits: bool | None = None,
    inputs: ArrayProfile | None = None,
    targets: ArrayProfile | None = None,
    samples: int | None = 1000,
    batch_size: int | None = 32,
    weighted: bool = False,
    **settings: Any,
) -> Description:
    """A training; everything that is not given is ordinary."""
    return Description(
        model=Model(layers, trainable_parameters=1000) if layers else None,
        optimizer=Optimizer(optimizer, rate, **settings),
        losses=(Loss(loss, from_logits=from_logits),) if loss else (),
        training=Training(batch_size=batch_size, weighted=weighted),
        data=Data((inputs or features(),), (targets or labels(3),), samples),
    )


def dense(name: str, units: int, activation: str = "linear") -> Layer:
    """A dense layer."""
    return Layer(name, "Dense", activation, units, (-1, 16), (-1, units), 17 * units)


def recurrent(name: str, units: int = 16, kind: str = "SimpleRNN", steps: int = 20, activation: str = "tanh") -> Layer:
    """A recurrent layer."""
    return Layer(name, kind, activation, units, (-1, steps, 4), (-1, units), 500)


def dropout(name: str, rate: float) -> Layer:
    """A dropout layer."""
    return Layer(name, "Dropout", settings={"rate": rate})


def mlp(
    depth: int = 2, activation: str = "relu", units: int = 16, output: int = 3, ends: str = "softmax"
) -> list[Layer]:
    """A feed-forward classifier."""
    return [*(dense(f"dense_{n}", units, activation) for n in range(depth)), dense("output", output, ends)]


def features(**changes: Any) -> ArrayProfile:
    """Ordinary inputs."""
    known = {"mean": 0.0, "deviation": 1.0, "lowest": -3.0, "highest": 3.0, "examined": 500}
    return ArrayProfile(shape=(-1, 16), dtype="float32", **(known | changes))


def labels(classes: int, encoding: str = "integer") -> ArrayProfile:
    """Balanced labels."""
    shape = (-1, classes) if encoding == "one_hot" else (-1,)
    return ArrayProfile(shape=shape, dtype="int64", examined=500, encoding=encoding, class_counts=(100,) * classes)


def numbers(lowest: float, highest: float) -> ArrayProfile:
    """Targets of a regression."""
    return ArrayProfile(
        shape=(-1, 1), dtype="float32", examined=500, encoding="continuous", lowest=lowest, highest=highest
    )
