"""What rules say, in the words of the wire contract."""

from paramedic.v1.finding_pb2 import Evidence as EvidenceMessage
from paramedic.v1.finding_pb2 import Finding as FindingMessage
from paramedic.v1.finding_pb2 import FindingChange, Remedy, Rule, RuleParameter
from paramedic.v1.finding_pb2 import Severity as SeverityMessage
from paramedic.v1.run_pb2 import RunIdentity
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.finding import Evidence, Finding, Severity
from paramedic_service.store.records import FindingRecord, RunKey


def identity_to_message(key: RunKey) -> RunIdentity:
    """Which run, on the wire."""
    return RunIdentity(project=key.project, id=key.id, attempt=key.attempt, rank=key.rank)


def severity_to_message(severity: Severity) -> SeverityMessage.ValueType:
    """How bad, on the wire: the values are the same."""
    return SeverityMessage.ValueType(severity.value)


def finding_to_message(key: RunKey, finding: Finding) -> FindingMessage:
    """A finding on a run, on the wire."""
    return FindingMessage(
        run=identity_to_message(key),
        rule=finding.rule,
        family=finding.family,
        severity=severity_to_message(finding.severity),
        change=FindingChange.ValueType(finding.change.value),
        opened_step=finding.opened_step,
        last_step=finding.last_step,
        resolved_step=finding.resolved_step,
        violations=finding.violations,
        episodes=finding.episodes,
        summary=finding.summary,
        evidence=[_evidence_to_message(evidence) for evidence in finding.evidence],
        remedies=[Remedy(text=text) for text in finding.remedies],
    )


def finding_to_record(key: RunKey, finding: Finding, now: float) -> FindingRecord:
    """A finding on a run, for the store.

    Args:
        key: Which run.
        finding: Its latest version.
        now: Service clock of the change, seconds since the Unix epoch.
    """
    return FindingRecord(
        run=key,
        rule=finding.rule,
        severity=finding.severity.value,
        open=finding.open,
        changed_at=now,
        body=finding_to_message(key, finding).SerializeToString(),
    )


def rule_to_message(rule: RuleDeclaration) -> Rule:
    """A rule's declaration, on the wire."""
    return Rule(
        id=rule.id,
        family=rule.family,
        severity=severity_to_message(rule.severity),
        summary=rule.summary,
        requires=rule.requires,
        parameters=[
            RuleParameter(
                name=parameter.name,
                value=parameter.value,
                unit=parameter.unit,
                meaning=parameter.meaning,
                source=parameter.source,
            )
            for parameter in rule.parameters
        ],
        remedies=[Remedy(text=text) for text in rule.remedies],
    )


def _evidence_to_message(evidence: Evidence) -> EvidenceMessage:
    return EvidenceMessage(
        signal=evidence.signal,
        tensor=evidence.tensor,
        step=evidence.step,
        value=evidence.value,
        threshold=evidence.threshold,
        meaning=evidence.meaning,
        layer=evidence.layer,
    )
