"""The Prometheus text format, version 0.0.4: names, labels and numbers as bytes.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Family:
    """The samples of one metric name.

    Attributes:
        name: Name of the metric.
        help: One sentence, with the unit; without line breaks and backslashes.
    """

    name: str
    help: str

    def header(self) -> bytes:
        """Returns the lines that stand once before the family's samples. Every family of ours is a gauge."""
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} gauge\n".encode()

    def prefix(self, labels: str) -> str:
        """Returns a sample's line up to its value.

        Args:
            labels: As `label_pairs` returns them; several are joined by commas.
        """
        return f"{self.name}{{{labels}}} "


def label_pairs(labels: Mapping[str, str]) -> str:
    """Returns labels as they stand between the braces, values escaped."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())


def number(value: float) -> str:
    """Returns a value in the shortest form that reads back as the same double."""
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
