"""How a rule declares itself: what it looks for, needs, is tuned by and advises."""

from dataclasses import dataclass, field

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

    def __getitem__(self, name: str) -> float:
        """Value of a parameter.

        Raises:
            KeyError: The rule has no parameter of this name.
        """
        return self._values[name]
