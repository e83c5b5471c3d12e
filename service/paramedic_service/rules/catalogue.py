"""All rules, in the order in which their findings are told."""

from paramedic_service.rules import gradients, loss, rhythm
from paramedic_service.rules.declaration import RuleDeclaration

RULES: tuple[RuleDeclaration, ...] = (*loss.RULES, *gradients.RULES, rhythm.STALLED_RUN)

PRECEDENCE: dict[str, int] = {rule.id: place for place, rule in enumerate(RULES)}
"""Place of each rule in the catalogue."""
