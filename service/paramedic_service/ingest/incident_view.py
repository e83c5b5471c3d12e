"""Incidents of one run, made when they are asked for and only when something has changed."""

from collections.abc import Mapping

import structlog

from paramedic_service.incidents.diagnose import diagnose
from paramedic_service.incidents.incident import Incident
from paramedic_service.rules.description import Description
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Finding

_log = structlog.get_logger(__name__)


class IncidentView:
    """Keeps the incidents that were made last with what they were made of."""

    def __init__(self) -> None:
        self._version = -1
        self._source: tuple[Mapping[str, Finding], Mapping[str, str], Description] | None = None
        self._incidents: tuple[Incident, ...] = ()

    def of(self, diagnosis: Diagnosis, version: int) -> tuple[Incident, ...]:
        """The incidents of a diagnosis.

        Args:
            diagnosis: Of the run.
            version: Of the run: while it stays, nothing has changed.
        """
        if version == self._version:
            return self._incidents
        self._version = version
        findings = diagnosis.findings
        source = (findings, diagnosis.abstentions, diagnosis.description) if findings else None
        if source != self._source:
            self._source = source
            try:
                self._incidents = () if source is None else diagnose(*source)
            except Exception:
                # A defect here must not keep findings from being saved; the older incidents stand meanwhile.
                _log.exception("incidents could not be made", rules=list(findings))
        return self._incidents
