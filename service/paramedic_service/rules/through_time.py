"""Rules on the gradient's path through time: it vanishes or explodes on its way back through a recurrent layer.

The gradient of the loss by the state h_t is that by h_{t+1} times the Jacobian of one step; over a sequence it shrinks
or grows by a nearly constant factor a step (Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio 2013). That
factor is the slope, by least squares, of the logarithm of |dL/dh_t| over t. Norms of whole tensors cannot show it: they
sum over time, and the last steps dominate the sum.

A model that reads one answer off the end of a sequence may well forget its beginning, and one that answers at every
step collects gradient on the way back. Hence vanishing is held against a run only while its loss is stuck, and
exploding only beyond what collecting explains.
"""

from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import GRADIENT_PATH, LOSS, Doubles, Floats, Integers, Path, Rows

TINY = 1e-38
"""Norms below the smallest normal float32 count as this much."""

VANISHING_THROUGH_TIME = RuleDeclaration(
    id="vanishing_through_time",
    family="gradients",
    severity=Severity.CRITICAL,
    summary="The gradient of early time steps is lost on its way back through time, and the loss is stuck.",
    requires=(GRADIENT_PATH, LOSS),
    parameters=(
        Parameter("ratio", 1e-3, "norm at the first time step over that at the last", unit="ratio"),
        Parameter("factor", 0.5, "factor a time step that is sure to hurt: gated cells begin at 0.65", unit="ratio"),
        Parameter("shortest", 5, "time steps of a sequence that is long enough to judge", unit="time steps"),
        Parameter("patience", 2, "such measurements in a row where the factor is passed", unit="measurements"),
        Parameter(
            "late", 12, "the same where it is not: gated cells learn over such sequences, if late", unit="measurements"
        ),
        Parameter("resolve_after", 2, "other measurements in a row that resolve it", unit="measurements"),
    ),
    remedies=(
        "Use gated cells: LSTM or GRU instead of a plain recurrent layer.",
        "Keep tanh in recurrent layers and initialise recurrent kernels orthogonally.",
        "Shorten the sequences: truncate, window, or pool them by a convolution first.",
    ),
)

EXPLODING_THROUGH_TIME = RuleDeclaration(
    id="exploding_through_time",
    family="gradients",
    severity=Severity.CRITICAL,
    summary="The gradient grows by orders of magnitude on its way back through time.",
    requires=(GRADIENT_PATH,),
    parameters=(
        Parameter("ratio", 1e3, "norm at the first time step over that at the last", unit="ratio"),
        Parameter("collected", 10.0, "the same over the number of time steps, whose losses may add up", unit="ratio"),
        Parameter("resolve_after", 3, "other measurements in a row that resolve it", unit="measurements"),
    ),
    remedies=(
        "Clip gradients by global norm 1.0.",
        "Initialise recurrent kernels orthogonally, and keep tanh in recurrent layers.",
        "Truncate the sequences, or use gated cells (LSTM, GRU).",
    ),
)

RULES = (VANISHING_THROUGH_TIME, EXPLODING_THROUGH_TIME)


@dataclass(frozen=True, slots=True)
class Passage:
    """How the gradient fares in one layer.

    Attributes:
        layer: Name of the layer.
        ratio: Norm at the first time step over that at the last.
        factor: By which it changes a time step, on its way back.
        length: Time steps from the first to the last.
    """

    layer: str
    ratio: float
    factor: float
    length: int


def passage(layer: str, time_steps: Integers, norms: Floats) -> Passage | None:
    """Measures one path; None where it tells nothing: one time step, NaN, or no gradient at the end.

    Args:
        layer: Name of the layer.
        time_steps: int64 [t].
        norms: float32 [t], norm of dL/dh_t.
    """
    if len(time_steps) < 2 or not np.isfinite(norms).all() or norms[-1] <= TINY:
        return None
    logs: Doubles = np.log(np.maximum(norms.astype(np.float64), TINY))
    centred = time_steps - time_steps.mean()
    slope = float((centred * (logs - logs.mean())).sum() / np.square(centred).sum())
    length = int(time_steps[-1] - time_steps[0]) + 1
    return Passage(layer, float(np.exp(logs[0] - logs[-1])), float(np.exp(-slope)), length)


def vanishes(rule: RuleDeclaration, found: Passage) -> bool:
    """Whether the beginning of the sequence hears next to nothing of the loss."""
    return found.ratio < rule["ratio"] and found.factor < 1 and found.length >= rule["shortest"]


def explodes(rule: RuleDeclaration, found: Passage) -> bool:
    """Whether the gradient grows beyond what the losses of all time steps add up to."""
    return found.ratio > max(rule["ratio"], rule["collected"] * found.length) and found.factor > 1


def verdict(rule: RuleDeclaration, found: Passage, step: int) -> Verdict:
    """Says how the gradient fares."""
    does = "vanishes" if found.ratio < 1 else "explodes"
    return Verdict(
        f"The gradient {does} through time in {found.layer}: from the last of {found.length} time steps to the first "
        f"its norm changes by a factor of {found.ratio:.2g}, {found.factor:.2g} a step.",
        (
            Evidence(
                GRADIENT_PATH,
                step,
                found.ratio,
                "first over last time step",
                threshold=rule["ratio"],
                layer=found.layer,
            ),
            Evidence(GRADIENT_PATH, step, found.factor, "factor a time step", layer=found.layer),
        ),
    )


@dataclass(slots=True)
class ThroughTimeState:
    """State of the rules of one run.

    Attributes:
        vanished: Measurements in a row at which the gradient vanished while the loss was stuck, by layer.
    """

    vanished: dict[str, int] = field(default_factory=dict)


class ThroughTimeMonitor(Monitor[ThroughTimeState]):
    """The rules on the path through time of one run."""

    rules = RULES
    state_type = ThroughTimeState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in a new description; layers of another tensor table begin anew."""
        if description.tensors != self._tensors:
            self.state.vanished = {}
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Remembers the tensor table."""
        self._tensors = description.tensors

    def restart(self) -> None:
        """Forgets what the last training's gradients did."""
        self.state.vanished = {}

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges the rows that hold paths, all layers of a row together."""
        if not batch.paths:
            return
        measured: dict[int, list[tuple[str, Path, int]]] = {}
        for layer in sorted(batch.paths):
            path = batch.paths[layer]
            rows = range(len(path.values)) if path.rows is None else path.rows.tolist()
            for index, row in enumerate(rows):
                measured.setdefault(row, []).append((layer, path, index))
        for row in sorted(measured):
            self._judge(row, int(batch.steps[row]), measured[row], losses, changes)

    def _judge(
        self, row: int, step: int, paths: list[tuple[str, Path, int]], losses: LossObservations, changes: Changes
    ) -> None:
        steady = [layer for layer, path, index in paths if self._steady(path.values[index])]
        calm = set(steady)
        found = [
            passage(layer, path.time_steps, path.values[index]) for layer, path, index in paths if layer not in calm
        ]
        moving = [each for each in found if each]
        for layer in steady:
            self.state.vanished.pop(layer, None)
        if moving:
            standing = losses.standing(np.array([row]))
            self._vanishing(moving, bool(standing.stuck[0]), row, step, changes)
            self._exploding(moving, bool(standing.worse[0]), row, step, changes)
        elif steady:
            for rule in RULES:
                self[rule].rested(changes, (row,), (step,))

    def _steady(self, norms: Floats) -> bool:
        """Whether the ends of a path are too close to each other for any rule, which needs no closer look."""
        first, last = float(norms[0]), float(norms[-1])
        lowest, highest = self[VANISHING_THROUGH_TIME].rule["ratio"], self[EXPLODING_THROUGH_TIME].rule["ratio"]
        return lowest * last <= first <= highest * last and last > TINY  # false for NaN

    def _vanishing(self, found: list[Passage], stuck: bool, row: int, step: int, changes: Changes) -> None:
        condition = self[VANISHING_THROUGH_TIME]
        rule, streaks = condition.rule, self.state.vanished
        guilty = []
        for each in found:
            if not stuck or not vanishes(rule, each):
                streaks.pop(each.layer, None)
                continue
            streaks[each.layer] = streaks.get(each.layer, 0) + 1
            if streaks[each.layer] >= rule["patience" if each.factor < rule["factor"] else "late"]:
                guilty.append(each)
        if guilty:
            worst = min(guilty, key=lambda each: each.factor)
            condition.violated(changes, row, step, lambda: verdict(rule, worst, step), patience=1)
        else:
            condition.rested(changes, (row,), (step,))

    def _exploding(self, found: list[Passage], worse: bool, row: int, step: int, changes: Changes) -> None:
        condition = self[EXPLODING_THROUGH_TIME]
        guilty = [each for each in found if worse and explodes(condition.rule, each)]
        if guilty:
            worst = max(guilty, key=lambda each: each.ratio)
            condition.violated(changes, row, step, lambda: verdict(condition.rule, worst, step))
        else:
            condition.rested(changes, (row,), (step,))
