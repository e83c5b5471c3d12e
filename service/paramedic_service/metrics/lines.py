"""One run's samples, kept rendered."""

import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from paramedic.v1.verdict_pb2 import VerdictKind
from paramedic_service.incidents.incident import Incident
from paramedic_service.ingest.live import LiveRun
from paramedic_service.metrics import families
from paramedic_service.metrics.text import Family, label_pairs, number
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.telemetry import GRADIENT_NORM, LOSS, UPDATE_NORM, WEIGHT_NORM

_SEVERITIES = {severity: severity.name.lower() for severity in Severity}
_NONE: Mapping[str, str] = MappingProxyType({})


class Series(NamedTuple):
    """How many series of the families that grow with a run: those it has, or those it may show.

    Attributes:
        scalars: Series of `paramedic_run_scalar`.
        gradients: Series of `paramedic_run_tensor_gradient_norm`.
        ratios: Series of `paramedic_run_tensor_update_ratio`.
    """

    scalars: int
    gradients: int
    ratios: int

    def plus(self, other: "Series") -> "Series":
        """Adds family by family."""
        return Series(*map(operator.add, self, other))

    def minus(self, other: "Series") -> "Series":
        """Subtracts family by family."""
        return Series(*map(operator.sub, self, other))

    def within(self, bound: "Series") -> "Series":
        """Cuts off, family by family, what is beyond a bound."""
        return Series(*map(min, self, bound))


class RunLines:
    """The samples of one run, rendered again only when the run or its share of the bounds has changed."""

    def __init__(self, run: LiveRun) -> None:
        self.run = run
        key = run.key
        self._identity = label_pairs(
            {"project": key.project, "run": key.id, "attempt": str(key.attempt), "rank": str(key.rank)}
        )
        self._rendered: tuple[bytes, ...] = ()
        self._rendered_from: tuple[int, Series] | None = None
        self._templates = {
            family: _Template() for family in (families.TENSOR_GRADIENT_NORM, families.TENSOR_UPDATE_RATIO)
        }

    def wanted(self) -> Series:
        """Returns how many series the run has in the families that are bounded."""
        scalars, norms = self.run.latest_scalars, self.run.latest_norms
        ratios = len(norms.get(UPDATE_NORM, ())) if WEIGHT_NORM in norms else 0
        return Series(len(scalars) - (LOSS in scalars), len(norms.get(GRADIENT_NORM, ())), ratios)

    def render(self, granted: Series) -> tuple[bytes, ...]:
        """Returns the run's lines, one element for each of `families.RUN_FAMILIES`; empty where it has none.

        Args:
            granted: How many series of the bounded families to show; the first ones are shown.
        """
        # The version is read first: a change that arrives while the lines are rendered is rendered next time.
        source = (self.run.version, granted)
        if source != self._rendered_from:
            self._rendered = tuple(text.encode() for text in self._render(granted))
            self._rendered_from = source
        return self._rendered

    def _render(self, granted: Series) -> tuple[str, ...]:
        run = self.run
        norms, ratios = run.latest_norms.get(GRADIENT_NORM), self._ratios()
        total = None if norms is None or not norms.size else float(np.linalg.norm(norms.astype(np.float64)))
        return (
            self._info(),
            self._sample(families.STEP, run.last_step),
            self._sample(families.LAST_REPORT, run.last_report_at),
            self._sample(families.LOSS, run.latest_scalars.get(LOSS)),
            self._sample(families.GRADIENT_NORM, total),
            self._findings(),
            self._incidents(),
            self._scalars(granted.scalars),
            "" if norms is None else self._tensors(families.TENSOR_GRADIENT_NORM, norms[: granted.gradients]),
            "" if ratios is None else self._tensors(families.TENSOR_UPDATE_RATIO, ratios[: granted.ratios]),
        )

    def _sample(self, family: Family, value: float | None, labels: Mapping[str, str] = _NONE) -> str:
        if value is None:
            return ""
        return f"{self._prefix(family, labels)}{number(value)}\n"

    def _prefix(self, family: Family, labels: Mapping[str, str]) -> str:
        own = label_pairs(labels)
        return family.prefix(f"{self._identity},{own}" if own else self._identity)

    def _info(self) -> str:
        description = self.run.description
        return self._sample(
            families.INFO,
            1,
            {
                "name": self.run.name,
                "state": self.run.state.name.lower(),
                "framework": description.environment.framework,
                "framework_version": description.environment.framework_version,
                "model": description.model.name,
                "optimizer": description.optimizer.name,
            },
        )

    def _findings(self) -> str:
        return "".join(
            self._sample(families.FINDINGS, 1, {"rule": finding.rule, "severity": _SEVERITIES[finding.severity]})
            for finding in self.run.open_findings
        )

    def _incidents(self) -> str:
        return "".join(self._incident(incident) for incident in self.run.incidents if incident.open)

    def _incident(self, incident: Incident) -> str:
        # An alert quotes them. The text of a remedy is a sentence or two, and a run has few incidents.
        cause = incident.causes[0] if incident.causes else None
        labels = {
            "incident": incident.id,
            "severity": _SEVERITIES[incident.severity],
            "rules": ",".join(incident.rules),
            "cause": cause.id if cause else "",
            "summary": incident.summary,
            "remedy": cause.remedies[0].text if cause and cause.remedies else "",
            "verdict": self._verdict(incident),
        }
        return self._sample(families.INCIDENT, 1, labels)

    def _verdict(self, incident: Incident) -> str:
        # A later finding may have joined the incident that was reproduced to another.
        said = [self.run.reproduced[rule] for rule in incident.rules if rule in self.run.reproduced]
        return VerdictKind.Name(said[0].verdict.kind).removeprefix("VERDICT_KIND_").lower() if said else ""

    def _scalars(self, granted: int) -> str:
        # By name, so that the bound cuts the same signals off after a restart.
        names = sorted(self.run.latest_scalars.keys() - {LOSS})[:granted]
        return "".join(self._sample(families.SCALAR, self.run.latest_scalars[name], {"signal": name}) for name in names)

    def _ratios(self) -> npt.NDArray[np.float32] | None:
        update, weight = (self.run.latest_norms.get(signal) for signal in (UPDATE_NORM, WEIGHT_NORM))
        if update is None or weight is None:
            return None
        with np.errstate(all="ignore"):  # a tensor of zeros has no ratio: NaN, or infinity once it moves
            ratios: npt.NDArray[np.float32] = update / weight
        return ratios

    def _tensors(self, family: Family, values: npt.NDArray[np.float32]) -> str:
        template = self._templates[family]
        # A new table is a new tuple of names, so comparing identities is enough, and cheap.
        if template.names is not self.run.tensor_names or template.columns != len(values):
            text = self._tensor_template(family, len(values))
            template = self._templates[family] = _Template(self.run.tensor_names, len(values), text)
        text = template.text % tuple(values.tolist())
        if np.isfinite(values).all():
            return text
        # A label's value holds no line break, so these stand nowhere but at the end of a line.
        return text.replace("} nan\n", "} NaN\n").replace("} inf\n", "} +Inf\n").replace("} -inf\n", "} -Inf\n")

    def _tensor_template(self, family: Family, count: int) -> str:
        """Returns a text that becomes the tensors' lines by formatting their values into it: one call for them all."""
        prefixes = (
            self._prefix(family, {"tensor": tensor.name, "layer": tensor.layer})
            for tensor in self.run.description.tensors[:count]
        )
        # Nine significant digits tell every float32 from its neighbours.
        return "".join(prefix.replace("%", "%%") + "%.9g\n" for prefix in prefixes)


class _Template(NamedTuple):
    """The lines of one family of a run's tensors without their values, and what they were made from."""

    names: tuple[str, ...] = ()
    columns: int = 0
    text: str = ""
