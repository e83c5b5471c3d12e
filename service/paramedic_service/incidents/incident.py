"""What is said of a run as a whole: incidents, their causes and what to change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paramedic_service.rules.finding import Severity


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to change.

    Attributes:
        text: An instruction to a person.
        patch: The same for a program, in the grammar of `paramedic_service.incidents.patch`; empty when it cannot be
            said so.
    """

    text: str
    patch: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """A candidate cause of an incident.

    Attributes:
        id: Of its declaration: "learning_rate_too_high".
        title: In words.
        score: 0 to 1, from the evidence; the causes of an incident do not sum to anything.
        supporting: What speaks for it, a sentence each.
        opposing: What speaks against it, a sentence each.
        remedies: Most promising first.
    """

    id: str
    title: str
    score: float
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    remedies: tuple[Remedy, ...]


@dataclass(frozen=True, slots=True)
class Incident:
    """The findings of one fault in one run, with what may have caused them.

    Attributes:
        id: Unique within the run: the rule that opened first.
        severity: The worst of its open findings; of all when none is open.
        open: Whether any of its findings is open.
        opened_step: Step at which the first of its findings opened.
        rules: Ids of the rules that found it, in the order in which they opened.
        causes: Most likely first; empty when no known cause explains its findings.
        unknown: Why rules that would tell its causes apart cannot judge, by rule id.
        summary: One sentence that names the first cause.
    """

    id: str
    severity: Severity
    open: bool
    opened_step: int
    rules: tuple[str, ...]
    causes: tuple[Cause, ...]
    unknown: Mapping[str, str]
    summary: str
