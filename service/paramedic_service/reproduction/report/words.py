"""Verdicts, numbers and times in words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Literal

import numpy as np

from paramedic.v1 import reproduction_pb2, verdict_pb2
from paramedic.v1.reproduction_pb2 import TrainingOutcome
from paramedic.v1.verdict_pb2 import ArmVerdict
from paramedic_service.reproduction.percentages import change, percent

Tone = Literal["good", "bad", "open"]

# A sign besides the colour, for whoever cannot tell colours apart.
_VERDICTS: dict[int, tuple[Tone, str]] = {
    verdict_pb2.VERDICT_KIND_REMEDY_FOUND: ("good", "✔ Reproduced, and a remedy found"),
    verdict_pb2.VERDICT_KIND_NO_REMEDY_WORKED: ("bad", "✖ Reproduced, but no remedy worked"),
    verdict_pb2.VERDICT_KIND_REPRODUCED: ("open", "● Reproduced; no remedy was tried"),
    verdict_pb2.VERDICT_KIND_NOT_REPRODUCED: ("open", "○ The fault did not come back"),
}
_STATES: dict[int, tuple[Tone, str]] = {
    reproduction_pb2.REPRODUCTION_STATE_FAILED: ("bad", "✖ No verdict: the reproduction failed"),
    reproduction_pb2.REPRODUCTION_STATE_CANCELLED: ("open", "○ No verdict: the reproduction was cancelled"),
}
_ARMS: dict[int, tuple[Tone, str]] = {
    verdict_pb2.ARM_VERDICT_KIND_REPRODUCED: ("bad", "● fault came back"),
    verdict_pb2.ARM_VERDICT_KIND_NOT_REPRODUCED: ("open", "○ no fault"),
    verdict_pb2.ARM_VERDICT_KIND_FIXED: ("good", "✔ fixed"),
    verdict_pb2.ARM_VERDICT_KIND_NOT_FIXED: ("bad", "✖ not fixed"),
    verdict_pb2.ARM_VERDICT_KIND_NO_BETTER: ("open", "△ fault gone, no better"),
    verdict_pb2.ARM_VERDICT_KIND_INVALID: ("open", "- could not be trained"),
}


def verdict_words(reproduction: reproduction_pb2.Reproduction) -> tuple[Tone, str]:
    """The verdict of a reproduction; how it stands, where it has none."""
    if reproduction.HasField("verdict"):
        return _VERDICTS.get(reproduction.verdict.kind, ("open", "○ Not judged"))
    return _STATES.get(reproduction.state, ("open", "○ Not ended yet"))


def arm_words(kind: int) -> tuple[Tone, str]:
    """The verdict of an arm."""
    return _ARMS.get(kind, ("open", "- not judged"))


def improvement_words(verdict: ArmVerdict) -> str:
    """By how much an arm is better, with its interval."""
    if not verdict.HasField("improvement"):
        return "-"
    if verdict.improvement_low == 1:
        return f"{verdict.measure} stays finite"
    told = f"{verdict.measure} {change(verdict.improvement)}"
    if verdict.HasField("improvement_low"):
        told += f" ({percent(verdict.improvement_low)} to {percent(verdict.improvement_high)})"
    return told


def number(value: float) -> str:
    """A measured number."""
    return f"{value:.4g}" if isfinite(value) else "not finite"


def middle(trainings: Sequence[TrainingOutcome]) -> str:
    """The median of final losses."""
    losses = [each.final_loss if isfinite(each.final_loss) else float("inf") for each in trainings]
    return number(float(np.median(losses))) if losses else "-"


def moment(seconds: float) -> str:
    """A time of the service's clock."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return "-"


def duration(seconds: float) -> str:
    """How long something took."""
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
