"""All rules, in the order in which their findings are told."""

from paramedic_service.rules import gradients, loss, rhythm
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.rulebook import Rulebook

RULES: tuple[RuleDeclaration, ...] = (*loss.RULES, *gradients.RULES, *rhythm.RULES)

PRECEDENCE: dict[str, int] = {rule.id: place for place, rule in enumerate(RULES)}
"""Place of each rule in the catalogue."""

DEFAULTS = Rulebook(RULES)
"""Every rule with its defaults."""
