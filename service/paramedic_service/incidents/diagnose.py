"""From findings to incidents.

The cause that explains the run best takes the findings that it explains; what is left is looked at again, until nothing
is left. So a fault in the configuration takes its symptoms with it, an explosion takes the NaN and the dead tensors
that follow, and a second, independent fault makes an incident of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paramedic_service.incidents.catalogue import CAUSES
from paramedic_service.incidents.evidence import CauseDeclaration, Symptom
from paramedic_service.incidents.incident import Incident
from paramedic_service.incidents.scoring import Weighed, rank
from paramedic_service.incidents.situation import Situation
from paramedic_service.rules.description import Description
from paramedic_service.rules.finding import Finding, Severity

DELAY = 100
"""Steps by which one rule may see a fault later than another sees its effect: rules have patience."""

MOST_CAUSES = 5
"""Of an incident."""

LEAST_SCORE = 0.1
"""Below which a cause is not worth telling, unless it is the only one."""

PLAUSIBLE = 0.5
"""Score from which a cause of an incident may claim later findings for it."""


@dataclass(slots=True)
class _Group:
    """Findings of one fault.

    Attributes:
        ranked: Its candidate causes, the most likely first.
        members: Its findings by rule id.
    """

    ranked: list[Weighed]
    members: dict[str, Finding] = field(default_factory=dict)

    @property
    def opened_step(self) -> int:
        return min(finding.opened_step for finding in self.members.values())


def diagnose(
    findings: Mapping[str, Finding], abstentions: Mapping[str, str], description: Description
) -> tuple[Incident, ...]:
    """Joins the findings of a run into incidents.

    Args:
        findings: Latest version of every finding that ever opened, by rule id.
        abstentions: Why rules cannot judge the run, by rule id.
        description: What is known of the training.

    Returns:
        Incidents, the worst first; of equal ones, the first to open first. Findings of severity info make no incident
        unless there is nothing else.
    """
    standing = {rule: finding for rule, finding in findings.items() if not finding.withdrawn}
    situation = Situation(standing, abstentions, description)
    groups = _groups(situation)
    grave = [group for group in groups if any(each.severity > Severity.INFO for each in group.members.values())]
    incidents = [_incident(group, situation) for group in grave or groups]
    return tuple(sorted(incidents, key=lambda each: (not each.open, -each.severity, each.opened_step, each.id)))


def _groups(situation: Situation) -> list[_Group]:
    groups: list[_Group] = []
    left = situation
    while left.findings:
        ranked = rank(CAUSES, left)
        if not ranked:
            # Rules that no cause knows: each speaks for itself.
            groups += [_Group([], {rule: finding}) for rule, finding in left.findings.items()]
            break
        best = ranked[0]
        members = _explained(best.declaration, left)
        concerned = [each for each in ranked if not members.keys().isdisjoint(each.declaration.symptoms)]
        _take_in(_Group(concerned, members), groups)
        left = left.without(members)
    return groups


def _explained(cause: CauseDeclaration, situation: Situation) -> dict[str, Finding]:
    """Findings that a cause accounts for: its symptoms, and what it set off, which did not come long before them."""
    began = min(finding.opened_step for finding in situation.found(cause.symptoms))
    return {
        rule: finding
        for rule, finding in situation.findings.items()
        if rule in cause.symptoms or (rule in cause.effects and finding.opened_step >= began - DELAY)
    }


def _take_in(new: _Group, groups: list[_Group]) -> None:
    """Adds a group; later symptoms that a plausible cause of an earlier group explains are side effects of that."""
    for group in groups:
        claimed = {rule for each in group.ranked if each.score >= PLAUSIBLE for rule in each.declaration.explains}
        if new.opened_step >= group.opened_step and new.members.keys() <= claimed:
            group.members |= new.members
            return
    groups.append(new)


def _incident(group: _Group, situation: Situation) -> Incident:
    members = Situation(group.members, situation.abstentions, situation.network.description)
    told = [each for each in group.ranked if each.score >= LEAST_SCORE][:MOST_CAUSES] or group.ranked[:1]
    ordered = list(members.findings.values())
    standing = [finding for finding in ordered if finding.open]
    return Incident(
        id=ordered[0].rule,
        severity=max(finding.severity for finding in standing or ordered),
        open=bool(standing),
        opened_step=ordered[0].opened_step,
        rules=tuple(finding.rule for finding in ordered),
        causes=tuple(each.told(situation) for each in told),
        unknown=_unknown([each.declaration for each in told], situation.abstentions),
        summary=_summary(told, ordered),
    )


def _unknown(causes: list[CauseDeclaration], abstentions: Mapping[str, str]) -> dict[str, str]:
    asked = {rule for cause in causes for clue in cause.clues if isinstance(clue, Symptom) for rule in clue.rules}
    return {rule: why for rule, why in sorted(abstentions.items()) if rule in asked}


def _summary(causes: list[Weighed], findings: list[Finding]) -> str:
    if not causes:
        return findings[0].summary
    title, sign = causes[0].declaration.title, causes[0].supporting[0]
    if sign[1:2].islower() or sign[1:2] == " ":  # a sentence, not a name, goes on behind the colon
        sign = sign[0].lower() + sign[1:]
    return f"{title}: {sign}"
