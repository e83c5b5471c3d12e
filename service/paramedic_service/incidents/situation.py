"""What causes are judged by: findings, abstentions and what is known of the training."""

from collections.abc import Iterable, Mapping

from paramedic_service.incidents.network import Network
from paramedic_service.rules.catalogue import PRECEDENCE
from paramedic_service.rules.description import Description
from paramedic_service.rules.finding import Finding


class Situation:
    """Some findings of one run, in the order in which they opened, and what is known beside them.

    Attributes:
        findings: Which a cause is looked for, by rule id, the first to open first.
        abstentions: Why rules cannot judge, by rule id.
        network: The training.

    Args:
        findings: By rule id.
        abstentions: By rule id.
        description: Of the training.
    """

    def __init__(
        self, findings: Mapping[str, Finding], abstentions: Mapping[str, str], description: Description
    ) -> None:
        self.findings = dict(sorted(findings.items(), key=lambda item: _order(item[1])))
        self.abstentions = abstentions
        self.network = Network(description)

    def without(self, rules: Iterable[str]) -> "Situation":
        """The same without some findings."""
        left = {rule: finding for rule, finding in self.findings.items() if rule not in rules}
        return Situation(left, self.abstentions, self.network.description)

    def found(self, rules: Iterable[str]) -> list[Finding]:
        """Findings of these rules, the first to open first."""
        wanted = set(rules)
        return [finding for rule, finding in self.findings.items() if rule in wanted]

    def cleared(self, rules: Iterable[str]) -> bool:
        """Whether all of these rules could judge and none of them found anything."""
        return all(rule in PRECEDENCE and rule not in self.findings and rule not in self.abstentions for rule in rules)

    def first(self) -> Finding | None:
        """What opened first; None without findings."""
        return next(iter(self.findings.values()), None)


def _order(finding: Finding) -> tuple[int, int, str]:
    return finding.opened_step, PRECEDENCE.get(finding.rule, len(PRECEDENCE)), finding.rule
