"""Recurrent layers: their activation, their length, and what they hand on.

The state of a recurrent layer is multiplied by the same matrix at every step, so that its gradient over T steps shrinks
or grows like the T-th power of that matrix's largest singular value times the activation's slope (Hochreiter 1991;
Bengio et al. 1994; Pascanu et al. 2013). tanh bounds the state; ReLU does not, and explodes unless the recurrent kernel
begins as the identity (Le et al. 2015). Gates carry gradients further, but not over thousands of steps.
"""

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import Layer
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import PLAIN_RECURRENT, RECTIFIERS, RECURRENT, class_name

_VECTOR_CELLS = frozenset({"LSTM", "GRU", "SimpleRNN"})

RECURRENT_RELU = RuleDeclaration(
    id="recurrent_relu",
    family="config",
    severity=Severity.WARNING,
    summary="A recurrent layer uses an activation without upper bound: its state can grow at every time step.",
    requires=("model",),
    parameters=(Parameter("steps", 5, "time steps from which growth matters", unit="time steps"),),
    remedies=(
        "Use the default activation, tanh; Keras's fast GPU kernels need it too.",
        "Clip gradients by global norm 1.0.",
        "Keep ReLU only with recurrent_initializer='identity' (Le et al. 2015).",
    ),
)

LONG_PLAIN_RECURRENCE = RuleDeclaration(
    id="long_plain_recurrence",
    family="config",
    severity=Severity.WARNING,
    summary="A recurrent layer runs over more time steps than its gradients survive.",
    requires=("model",),
    parameters=(
        Parameter("plain", 80, "time steps of a plain cell", "beyond Bengio et al. 1994; ours", "time steps"),
        Parameter("gated", 1000, "time steps of an LSTM or a GRU", unit="time steps"),
    ),
    remedies=(
        "Replace the plain cell by LSTM or GRU.",
        "Shorten the sequences: windows, truncation, or Conv1D with strides in front.",
        "Use attention or dilated convolutions for what lies thousands of steps apart.",
    ),
)

MISSING_RETURN_SEQUENCES = RuleDeclaration(
    id="missing_return_sequences",
    family="config",
    severity=Severity.CRITICAL,
    summary="A recurrent layer feeds another one but returns its last output only.",
    requires=("model",),
    parameters=(),
    remedies=("Set return_sequences=True in every recurrent layer that feeds another one.",),
)


def recurrent_relu(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the activation of recurrent layers that train."""
    for layer in facts.graph.layers:
        if layer.kind not in RECURRENT or layer.activation not in RECTIFIERS or layer.frozen:
            continue
        steps = time_steps(layer, facts)
        identity = class_name(layer.settings, "recurrent_initializer").lower().startswith("identity")
        if identity or (steps is not None and steps < rule["steps"]):
            continue
        over = f" over {steps} time steps" if steps else ""
        return Verdict(
            f"{layer.name} ({layer.kind}) has activation {layer.activation}{over}; use activation='tanh'.",
            (fact("model", steps or 0, f"time steps with {layer.activation}", layer.name),),
        )
    return None


def long_plain_recurrence(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the time steps of recurrent layers that train."""
    for layer in facts.graph.layers:
        steps = time_steps(layer, facts) if layer.kind in _VECTOR_CELLS and not layer.frozen else None
        if steps is None:
            continue
        plain = layer.kind in PLAIN_RECURRENT
        if plain and class_name(layer.settings, "recurrent_initializer").lower().startswith("identity"):
            continue
        bound = rule["plain" if plain else "gated"]
        if steps > bound:
            instead = "use LSTM or GRU, or shorter sequences" if plain else "shorten or window the sequences"
            return Verdict(
                f"{layer.name} ({layer.kind}) runs over {steps} time steps; {instead}.",
                (fact("model", steps, "time steps", layer.name, bound),),
            )
    return None


def missing_return_sequences(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges recurrent layers that feed recurrent layers directly."""
    for layer, follower in facts.graph.pairs():
        if layer.kind not in _VECTOR_CELLS or follower.kind not in _VECTOR_CELLS:
            continue
        if layer.settings.get("return_sequences") is False and not layer.settings.get("return_state"):
            return Verdict(
                f"{layer.name} hands {follower.name} its last output only; set return_sequences=True in {layer.name}.",
                (fact("model", layer.units or 0, "units without time steps", layer.name),),
            )
    return None


def time_steps(layer: Layer, facts: Facts) -> int | None:
    """Time steps that a recurrent layer runs over; None when unknown.

    They are in its input's shape; where that leaves them open, the longest sequence of the only input tells, if the
    layer is the first that could change their number.
    """
    if len(layer.input_shape) >= 3 and layer.input_shape[1] > 0:
        return layer.input_shape[1]
    array = facts.input
    recurrent = next((each for each in facts.graph.layers if each.kind in RECURRENT), None)
    shortened = any("Conv" in each.kind or "Pooling" in each.kind for each in facts.graph.layers)
    if array is None or recurrent is None or recurrent.name != layer.name or shortened:
        return None
    if array.longest is not None:
        return array.longest
    return array.shape[1] if len(array.shape) in (2, 3) and array.shape[1] > 0 else None
