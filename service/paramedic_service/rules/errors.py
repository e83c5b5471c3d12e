"""The rule on exceptions: one left the training loop, and says what was wrong and often where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.errors_messages import Fault, plain, read_message
from paramedic_service.rules.finding import Evidence, Finding, Severity
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import Rows

TRAINING_ERROR = RuleDeclaration(
    id="training_error",
    family="errors",
    severity=Severity.CRITICAL,
    summary="An exception ended the training.",
    requires=(),
    parameters=(),
    remedies=("Read the traceback from its end: the last line of the training's own code is where to look.",),
)

RULES = (TRAINING_ERROR,)

INTERRUPTIONS = frozenset({"KeyboardInterrupt", "SystemExit", "GeneratorExit"})
"""Exceptions by which somebody ends a training that nothing is wrong with."""

QUOTED = 200
"""Characters of a message that is told as it stands."""

_NAMED = re.compile(r"""\blayer ['"]([^'"]+)['"]""")
_NODE = re.compile(r"(?:\{\{node |Detected at node )([\w./-]+)")
_SCAFFOLDING = re.compile(r"StatefulPartitionedCall|while|body|cond|gradient_tape|gradients|Adjoint|_\d+")


@dataclass(slots=True)
class ErrorState:
    """State of the rule of one run.

    Attributes:
        last_step: Of the latest row; None before the first.
    """

    last_step: int | None = None


class ErrorMonitor(Monitor[ErrorState]):
    """The rule on exceptions of one run."""

    rules = RULES
    state_type = ErrorState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in the names of layers."""
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Takes in the names of layers."""
        self._description = description

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Takes in rows: a training that goes on got over its error."""
        self[TRAINING_ERROR].rested(changes, (0,), batch.steps[:1].tolist())
        self.state.last_step = int(batch.steps[-1])

    def fail(self, kind: str, message: str, traceback: str, changes: Changes) -> None:
        """Takes in an exception: its class name, message and traceback."""
        if kind not in INTERRUPTIONS:
            step = self.state.last_step
            verdict = judge(kind, message, traceback, self._description, step)
            self[TRAINING_ERROR].violated(changes, 0, step or 0, lambda: verdict)

    def peer_lost(self, rank: int, last_step: int | None, changes: Changes) -> None:
        """Takes in that another rank was lost, after its last step, if it had one: the peer that is missed here."""
        condition, step = self[TRAINING_ERROR], self.state.last_step or 0
        latest = condition.episode.latest
        if latest is None or not latest.open or not read_of_peer({TRAINING_ERROR.id: latest}):
            return
        when = "before its first step" if last_step is None else f"after step {last_step}"
        verdict = Verdict(
            f"{latest.summary} Rank {rank} was lost {when}.",
            (*latest.evidence, Evidence("rank", step, float(rank), "rank that was lost")),
            (f"Look at rank {rank}, which went first: its finding, its log, and its machine's.", *latest.remedies[1:]),
        )
        condition.assessed(changes, step, verdict)


def read_of_peer(findings: Mapping[str, Finding]) -> bool:
    """Whether the exception among findings, by rule id, tells that another process is gone."""
    error = findings.get(TRAINING_ERROR.id)
    return error is not None and error.evidence[0].meaning == Fault.PEER.value


def judge(kind: str, message: str, traceback: str, description: Description, last_step: int | None) -> Verdict:
    """Reads an exception, and the layer it speaks of."""
    reading = read_message(kind, message)
    layer = layer_of(plain(message), description) or layer_of(plain(traceback), description)
    said = reading.sentence or " ".join(plain(message).split())[:QUOTED] or "it says nothing more"
    where = f" in layer {layer}" if layer else ""
    when = "before its first step" if last_step is None else f"after step {last_step}"
    step = last_step or 0
    summary = f"The training ended {when} with {kind}{where}: {said}."
    evidence = [Evidence("error", step, 1.0, reading.fault.value, layer=layer)]
    for meaning, text in (("seen", reading.seen), ("wanted", reading.wanted)):
        if text.lstrip("-").isdigit():
            evidence.append(Evidence("error", step, float(text), meaning, layer=layer))
    return Verdict(summary, tuple(evidence), reading.fixes)


def layer_of(text: str, description: Description) -> str:
    """Name of the layer that a message or traceback speaks of; empty when it names none.

    Messages name layers outright, or by nodes of the graph: "sequential_1/lstm_1/while/lstm_cell_1/MatMul", where
    Keras has appended "_1" to the names of model and layer. Known layers are preferred to what looks like one.
    """
    names = {layer.name for layer in description.model.layers} if description.model else set()
    named = _NAMED.findall(text)
    for name in named:
        if not names or name in names:
            return str(name)
    for path in _NODE.findall(text):
        layer = _layer_of_node(path, names, description.model.name if description.model else "")
        if layer:
            return layer
    return str(named[0]) if named else ""


def _layer_of_node(path: str, names: set[str], model: str) -> str:
    segments = [segment for segment in path.split("/") if not _SCAFFOLDING.fullmatch(segment)]
    if len(segments) < 3 or segments[0] == "compile_loss":
        return ""
    appended = re.fullmatch(re.escape(model) + r"(_\d+)", segments[0]) if model else None
    suffix = appended[1] if appended else ""
    scopes = [segment.removesuffix(suffix) for segment in segments[1:-1]]
    if not names:
        return scopes[0]
    # The innermost layer that is known, by its path within nested models first.
    for end in range(len(scopes), 0, -1):
        for start in range(end):
            inner = "/".join(scopes[start:end])
            for candidate in (inner, re.sub(r"_\d+$", "", inner)):
                if candidate in names:
                    return candidate
    return ""
