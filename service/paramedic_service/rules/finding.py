"""What rules say: findings, their evidence and their remedies."""

from dataclasses import dataclass
from enum import Enum, IntEnum


class Severity(IntEnum):
    """How bad a finding is; values as in the wire contract."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


class Change(Enum):
    """What happened to a finding; values as in the wire contract."""

    OPENED = 1
    UPDATED = 2
    RESOLVED = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """A measured fact that supports a finding.

    Attributes:
        signal: Name of the signal: "loss", "gradient_norm".
        step: Step at which it was measured.
        value: As measured.
        meaning: What the value is: "root mean square".
        tensor: Tensor it was measured on; empty when it belongs to the whole run.
        threshold: The bound it passed, if there is one.
        layer: Layer it was measured on or is said of; empty for a tensor or the whole run.
    """

    signal: str
    step: int
    value: float
    meaning: str
    tensor: str = ""
    threshold: float | None = None
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's verdict on one run, as of one change.

    Attributes:
        rule: Id of the rule.
        family: Family of the rule.
        severity: How bad it is.
        change: The change that made this version.
        opened_step: Step at which the current episode opened.
        last_step: Latest step that violated the rule.
        resolved_step: Step at which it resolved; None while it is open.
        violations: Observations that violated the rule, over all episodes.
        episodes: How often it opened.
        summary: One sentence: what, where, since when.
        evidence: At least one fact.
        remedies: What to change, most promising first.
    """

    rule: str
    family: str
    severity: Severity
    change: Change
    opened_step: int
    last_step: int
    resolved_step: int | None
    violations: int
    episodes: int
    summary: str
    evidence: tuple[Evidence, ...]
    remedies: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether the condition still holds."""
        return self.change is not Change.RESOLVED

    @property
    def withdrawn(self) -> bool:
        """Whether a fuller description took it back before anything could come of it."""
        return self.resolved_step == self.opened_step
