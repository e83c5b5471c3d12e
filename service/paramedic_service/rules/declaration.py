"""How a rule declares itself: what it looks for, needs, is tuned by and advises."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from paramedic_service.rules.finding import Severity

_COUNTS = frozenset({"steps", "checks", "epochs", "samples", "time steps", "layers", "units", "parameters"})


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

    def tuned(self, value: float) -> "Parameter":
        """The same parameter with another value.

        Raises:
            ValueError: The value makes no sense for it; the message says why.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"must be a finite number, not {value!r}")
        if value < 0 <= self.value:
            raise ValueError(f"must not be negative, and is {value:g}")
        if self.unit in _COUNTS and (value != int(value) or value < min(1, self.value)):
            raise ValueError(f"counts {self.unit} and must be a whole number from 1, not {value:g}")
        return replace(self, value=float(value))


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
            ValueError: The rule has no such parameter, or the value makes no sense for it.
        """
        for name in values:
            if name not in self._values:
                known = ", ".join(self._values) or "none"
                raise ValueError(f"rule {self.id} has no parameter {name!r}; it has {known}")
        tuned = []
        for parameter in self.parameters:
            try:
                value = values.get(parameter.name)
                tuned.append(parameter if value is None else parameter.tuned(value))
            except ValueError as error:
                raise ValueError(f"{self.id}.{parameter.name} {error}") from error
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
