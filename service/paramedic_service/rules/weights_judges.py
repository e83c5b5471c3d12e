"""Judges windows of weights and updates, each by a quick look first that ends most calls."""

from dataclasses import dataclass

import numpy as np

from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Tensor
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence
from paramedic_service.rules.telemetry import UPDATE_NORM, WEIGHT_NORM, Doubles, Floats, Integers
from paramedic_service.rules.weights_history import Window

NAMED = 3
"""Tensors named as evidence of one finding."""


@dataclass(frozen=True, slots=True)
class Table:
    """A tensor table.

    Attributes:
        tensors: Its entries.
        kernels: int64 [kernels], columns of kernels and recurrent kernels.
        roots: float64 [tensors], square root of the element count; NaN where unknown.
    """

    tensors: tuple[Tensor, ...]
    kernels: Integers
    roots: Doubles

    @classmethod
    def of(cls, tensors: tuple[Tensor, ...]) -> "Table":
        """The table with what is derived from it."""
        kernels = [i for i, tensor in enumerate(tensors) if tensor.role in ("kernel", "recurrent_kernel")]
        counts = [tensor.element_count or np.nan for tensor in tensors]
        return cls(tensors, np.array(kernels, np.int64), np.sqrt(np.array(counts, np.float64)))

    def verdict(
        self,
        columns: list[int],
        measured: Doubles,
        threshold: float | None,
        signal: str,
        meaning: str,
        sentence: str,
        step: int,
    ) -> Verdict:
        """Names the tensors that violate a rule.

        Args:
            columns: Of the tensors, at least one.
            measured: float64 [tensors].
            threshold: Bound of all of them.
            signal: Measured.
            meaning: What the measure is.
            sentence: In which {name}, {others}, {value} and {step} stand for themselves.
            step: At which it was measured.
        """
        evidence = tuple(
            Evidence(signal, step, float(measured[column]), meaning, self.tensors[column].name, threshold)
            for column in columns[:NAMED]
        )
        others = f" and {len(columns) - 1} more" if len(columns) > 1 else ""
        name, value = self.tensors[columns[0]].name, float(measured[columns[0]])
        return Verdict(sentence.format(name=name, others=others, value=value, step=step), evidence)


@dataclass(frozen=True, slots=True)
class Step:
    """How far updates go.

    Attributes:
        column: Of the kernel that moves most.
        ratio: Of the norm of its updates to that of its weights.
        large: Whether that is too far; otherwise it is not far enough.
    """

    column: int
    ratio: float
    large: bool


def odd_step(rule: RuleDeclaration, table: Table, window: Window) -> Step | None:
    """Whether updates go too far or not far enough; a learning rate that rises is on its way to go further."""
    if window.updates is None:
        return None
    kernels = table.kernels[window.weights[table.kernels] > 0]  # false for NaN
    if window.gradients is not None:
        kernels = kernels[window.gradients[kernels] > 0]
    if not len(kernels):
        return None
    ratios = window.updates[kernels] / window.weights[kernels]
    most = int(np.argmax(ratios))
    ratio = float(ratios[most])
    if ratio > rule["highest"]:
        return Step(int(kernels[most]), ratio, large=True)
    rising = window.rates[-1] > window.rates[0]
    return Step(int(kernels[most]), ratio, large=False) if ratio < rule["lowest"] and not rising else None


def step_verdict(rule: RuleDeclaration, table: Table, found: Step, step: int) -> Verdict:
    """Says how far updates go."""
    said = "change by far too much" if found.large else "hardly change"
    name, threshold = table.tensors[found.column].name, rule["highest" if found.large else "lowest"]
    return Verdict(
        f"Weights {said}: those of {name}, which change most, by {found.ratio:.2g} of their norm at step {step}.",
        (Evidence(UPDATE_NORM, step, found.ratio, "norm over that of the weights", name, threshold),),
    )


def unchanged(rule: RuleDeclaration, table: Table, window: Window) -> Doubles | None:
    """What tensors moved in a window, relative to their weights, NaN for those that did move or had reason not to.

    None where all moved, or none did: that would be the learning rate's doing.
    """
    if window.travelled is None or window.gradients is None:
        return None
    least = rule["change"] * window.weights
    if (window.travelled >= least).all() or not np.isfinite(window.travelled).all():
        return None
    if not (window.travelled[table.kernels] > 10 * least[table.kernels]).any():
        return None
    still = (window.travelled < least) & (window.gradients > rule["gradient"] * window.gradients.max())
    return np.where(still, window.travelled / np.maximum(window.weights, 1e-300), np.nan)


def growth(rule: RuleDeclaration, before: float | None, total: float, step: int) -> Verdict | None:
    """Compares the norm of all kernels with that a window ago, None before it."""
    if before is None or before <= 0 or not rule["ratio"] * before <= total < np.inf:
        return None
    return Verdict(
        f"The weights doubled from check to check, to a norm of {total:.3g} over all kernels at step {step}.",
        (Evidence(WEIGHT_NORM, step, total / before, "norm over that a window ago", threshold=rule["ratio"]),),
    )


def bounds(rule: RuleDeclaration, table: Table, first: Floats) -> Doubles:
    """float64 [kernels], norms above which weights have exploded; infinite for those that began at zero."""
    began = first[table.kernels].astype(np.float64)
    highest = np.fmax(rule["growth"] * began, rule["rms"] * table.roots[table.kernels])
    return np.where(began > 0, highest, np.inf)


def explosion(
    rule: RuleDeclaration, table: Table, first: Floats, window: Window, highest: Doubles, step: int, failing: bool
) -> Verdict | None:
    """Names kernels that are no numbers, and, where the training fails, those beyond their bounds."""
    norms = window.last[table.kernels].astype(np.float64)
    lost = ~np.isfinite(norms)
    columns = table.kernels[lost | (norms > highest) if failing else lost].tolist()
    if not columns:
        return None
    measured = np.full(len(table.tensors), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        measured[table.kernels] = norms / first[table.kernels]
    sentence = "{name}{others} exploded to {value:.3g} times the first norm by step {step}."
    return table.verdict(columns, measured, rule["growth"], WEIGHT_NORM, "norm over the first", sentence, step)


def beginning(table: Table, first: Floats, odd: dict[int, str], step: int) -> Verdict | None:
    """Names kernels that began oddly: how, by column."""
    if not odd:
        return None
    said = {"zero": "at zero", "small": "far too small", "large": "far too large"}[next(iter(odd.values()))]
    deviations: Doubles = first / table.roots
    sentence = "{name}{others} began " + said + ": standard deviation {value:.2g}."
    return table.verdict(list(odd), deviations, None, WEIGHT_NORM, "standard deviation at the start", sentence, step)
