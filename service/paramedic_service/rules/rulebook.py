"""Rules with the parameters that a project wants them judged by."""

import json
from collections.abc import Iterator, Mapping, Sequence

from paramedic_service.rules.declaration import RuleDeclaration


class Rulebook:
    """Some rules, some of them with other parameters than their defaults.

    Attributes:
        fingerprint: Tells rulebooks with different parameters apart.

    Args:
        rules: With their defaults.
        overrides: Values by "rule.parameter".

    Raises:
        ValueError: There is no such rule or parameter, or the value makes no sense for it.
    """

    def __init__(self, rules: Sequence[RuleDeclaration], overrides: Mapping[str, float] | None = None) -> None:
        self._defaults, self._overrides = tuple(rules), dict(overrides or {})
        values: dict[str, dict[str, float]] = {rule.id: {} for rule in rules}
        for path, value in self._overrides.items():
            rule_id, _, parameter = path.partition(".")
            if rule_id not in values:
                raise ValueError(f"there is no rule {rule_id!r}; `paramedic rules` lists them")
            values[rule_id][parameter] = value
        self._rules = {rule.id: rule.tuned(values[rule.id]) for rule in rules}
        self.fingerprint = json.dumps({rule: tuned for rule, tuned in values.items() if tuned}, sort_keys=True)

    def changed(self, overrides: Mapping[str, float]) -> "Rulebook":
        """The same rulebook with further values by "rule.parameter".

        Raises:
            ValueError: There is no such rule or parameter, or the value makes no sense for it.
        """
        return Rulebook(self._defaults, {**self._overrides, **overrides})

    def __getitem__(self, rule: RuleDeclaration) -> RuleDeclaration:
        """The rule as this rulebook has it."""
        return self._rules[rule.id]

    def __iter__(self) -> Iterator[RuleDeclaration]:
        return iter(self._rules.values())
