"""Judges a model and its data before they are trained, by the rules that the service judges runs by."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

from paramedic.v1.description_pb2 import RunDescription

_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Problem:
    """What a rule found.

    Attributes:
        rule: Id of the rule: "output_layer".
        severity: "critical", "warning" or "info".
        summary: What is wrong, where, and what to change.
        remedies: What to change, most promising first.
    """

    rule: str
    severity: str
    summary: str
    remedies: tuple[str, ...]


class CheckReport(Sequence[Problem]):
    """What was found, the worst first; `str` makes a page of it.

    Attributes:
        problems: What was found.
        abstentions: Why rules could not judge, by rule id.
    """

    def __init__(self, problems: Sequence[Problem], abstentions: dict[str, str]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: _SEVERITIES.index(problem.severity)))
        self.abstentions = abstentions

    @property
    def critical(self) -> bool:
        """Whether something will surely fail, or cannot learn."""
        return any(problem.severity == "critical" for problem in self.problems)

    @overload
    def __getitem__(self, index: int) -> Problem: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Problem]: ...
    def __getitem__(self, index: int | slice) -> Problem | Sequence[Problem]:
        """One problem, or some of them."""
        return self.problems[index]

    def __len__(self) -> int:
        """Number of problems."""
        return len(self.problems)

    def __repr__(self) -> str:
        return f"<CheckReport: {', '.join(problem.rule for problem in self.problems) or 'no problems'}>"

    def __str__(self) -> str:
        lines = []
        for problem in self.problems:
            lines.append(f"{problem.severity:<8}  {problem.rule}: {problem.summary}")
            lines += [f"          - {remedy}" for remedy in problem.remedies]
        if not lines:
            lines.append("No problems found.")
        if self.abstentions:
            lines.append(f"Not judged: {_grouped(self.abstentions)}.")
        return "\n".join(lines)


def check(model: Any, x: Any = None, y: Any = None, *, batch_size: int | None = None) -> CheckReport:
    """Judges a model, and its data if given, before it is trained.

    Nothing is trained, built, changed or printed, and no service is asked.

    Args:
        model: A keras.Model; compiled, if its loss and optimizer are to be judged. Of a model that is neither
            sequential nor functional and was not built yet, the architecture is not judged.
        x: Training inputs, as fit takes them: an array, list or DataFrame, a list or dict of these, or a data set, of
            which the first few batches are read. A generator is not read.
        y: Targets, likewise.
        batch_size: Samples a step, as given to fit.

    Returns:
        What was found, the worst first: `print(paramedic.check(model, x, y))`.

    Raises:
        TypeError: The model is no keras.Model.

    Example:
        report = paramedic.check(model, x_train, y_train, batch_size=32)
        print(report)
        assert not report.critical
    """
    return judge(_describe(model, x, y, batch_size))


def judge(description: RunDescription) -> CheckReport:
    """Judges a description by the rules on architecture, configuration and data.

    Args:
        description: As the client would send it.
    """
    # The rules are the service's and need nothing but numpy; only who checks pays for loading them.
    from paramedic_service.ingest.description import read
    from paramedic_service.rules.catalogue import RULES
    from paramedic_service.rules.diagnosis import Diagnosis

    diagnosis = Diagnosis()
    found = diagnosis.describe(read(description))
    judged = {rule.id for rule in RULES if rule.family in ("config", "data")}
    problems = [Problem(each.rule, each.severity.name.lower(), each.summary, each.remedies) for each in found]
    return CheckReport(problems, {rule: why for rule, why in diagnosis.abstentions.items() if rule in judged})


def _describe(model: Any, x: Any, y: Any, batch_size: int | None) -> RunDescription:
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        raise TypeError(f"paramedic.check takes a keras.Model, not {type(model).__module__}.{type(model).__qualname__}")
    from paramedic.describe.keras import describe_training

    return describe_training(model, x, y, batch_size)


def _grouped(abstentions: dict[str, str]) -> str:
    reasons: dict[str, list[str]] = {}
    for rule, why in abstentions.items():
        reasons.setdefault(why, []).append(rule)
    return "; ".join(f"{', '.join(rules)} ({why})" for why, rules in reasons.items())
