"""How a rule declares itself: what it looks for, needs, is tuned by and advises."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from paramedic_service.rules.finding import Severity


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a rule is tuned by.

    Attributes:
        name: Unique within the rule.
        value: The default.
        meaning: What it decides.
        source: Where the default was published; "ours" when nowhere.
        unit: "steps", "ratio", "seconds"; empty for a pure number.
    """

    name: str
    value: float
    meaning: str
    source: str = "ours"
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RuleDeclaration:
    """What a rule is, apart from its evaluation.

    Attributes:
        id: Unique, snake case.
        family: "gradients", "loss" or "run".
        severity: Of its findings.
        summary: One sentence: what it looks for.
        requires: Signals and descriptions it cannot judge without.
        parameters: Everything it is tuned by.
        remedies: What to change, most promising first.
    """

    id: str
    family: str
    severity: Severity
    summary: str
    requires: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    remedies: tuple[str, ...]
    _values: dict[str, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_values", {parameter.name: parameter.value for parameter in self.parameters})

    def tuned(self, values: Mapping[str, float]) -> "RuleDeclaration":
        """The same rule with other values of some parameters.

        Raises:
            ValueError: The rule has no such parameter, or the value is no finite number.
        """
        for name, value in values.items():
            if name not in self._values:
                raise ValueError(f"rule {self.id} has no parameter {name!r}; it has {', '.join(self._values)}")
            if not math.isfinite(value):
                raise ValueError(f"{self.id}.{name} must be a finite number, not {value}")
        tuned = (replace(p, value=float(values.get(p.name, p.value))) for p in self.parameters)
        return replace(self, parameters=tuple(tuned))

    def __contains__(self, name: str) -> bool:
        """Whether the rule has a parameter of this name."""
        return name in self._values

    def __getitem__(self, name: str) -> float:
        """Value of a parameter.

        Raises:
            KeyError: The rule has no parameter of this name.
        """
        return self._values[name]
