"""One run's samples, kept rendered."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from paramedic_service.ingest.live import LiveRun
from paramedic_service.metrics import families
from paramedic_service.metrics.text import Family, label_pairs, number
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.telemetry import GRADIENT_NORM, LOSS

_SEVERITIES = {severity: severity.name.lower() for severity in Severity}
_NONE: Mapping[str, str] = MappingProxyType({})


class Series(NamedTuple):
    """How many series of the families that grow with a run: those it has, or those it may show.

    Attributes:
        scalars: Series of `paramedic_run_scalar`.
        tensors: Series of `paramedic_run_tensor_gradient_norm`.
    """

    scalars: int
    tensors: int

    def plus(self, other: "Series") -> "Series":
        """Adds family by family."""
        return Series(self.scalars + other.scalars, self.tensors + other.tensors)

    def minus(self, other: "Series") -> "Series":
        """Subtracts family by family."""
        return Series(self.scalars - other.scalars, self.tensors - other.tensors)

    def within(self, bound: "Series") -> "Series":
        """Cuts off, family by family, what is beyond a bound."""
        return Series(min(self.scalars, bound.scalars), min(self.tensors, bound.tensors))


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
        self._template = ""
        self._template_from: tuple[tuple[str, ...], int] = ((), 0)

    def wanted(self) -> Series:
        """Returns how many series the run has in the families that are bounded."""
        scalars = self.run.latest_scalars
        return Series(len(scalars) - (LOSS in scalars), len(self.run.latest_norms.get(GRADIENT_NORM, ())))

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
        norms = run.latest_norms.get(GRADIENT_NORM)
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
            "" if norms is None else self._tensors(norms[: granted.tensors]),
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
        open_now = Counter(incident.severity for incident in self.run.incidents if incident.open)
        return "".join(
            self._sample(families.INCIDENTS, count, {"severity": _SEVERITIES[severity]})
            for severity, count in sorted(open_now.items())
        )

    def _scalars(self, granted: int) -> str:
        # By name, so that the bound cuts the same signals off after a restart.
        names = sorted(self.run.latest_scalars.keys() - {LOSS})[:granted]
        return "".join(self._sample(families.SCALAR, self.run.latest_scalars[name], {"signal": name}) for name in names)

    def _tensors(self, norms: npt.NDArray[np.float32]) -> str:
        # A new table is a new tuple of names, so comparing identities is enough, and cheap.
        names, count = self._template_from
        if names is not self.run.tensor_names or count != len(norms):
            self._template = self._tensor_template(len(norms))
            self._template_from = (self.run.tensor_names, len(norms))
        text = self._template % tuple(norms.tolist())
        if np.isfinite(norms).all():
            return text
        # A label's value holds no line break, so these stand nowhere but at the end of a line.
        return text.replace("} nan\n", "} NaN\n").replace("} inf\n", "} +Inf\n").replace("} -inf\n", "} -Inf\n")

    def _tensor_template(self, count: int) -> str:
        """Returns a text that becomes the tensors' lines by formatting their norms into it: one call for them all."""
        prefixes = (
            self._prefix(families.TENSOR_GRADIENT_NORM, {"tensor": tensor.name, "layer": tensor.layer})
            for tensor in self.run.description.tensors[:count]
        )
        # Nine significant digits tell every float32 from its neighbours.
        return "".join(prefix.replace("%", "%%") + "%.9g\n" for prefix in prefixes)
