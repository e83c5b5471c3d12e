"""Rules on the shape of inputs: wrong rank or order, unequal length, padding.

Recurrent layers and Conv1D read (batch, timesteps, features). What else arrives is a table whose windows were never
cut, one feature without its axis, an array with its axes in another order, one long step in place of a sequence, or a
list of sequences that no tensor can hold. Each has one call that mends it, and the finding names that call. Keras
itself adds or removes a last axis of size 1, and that is no fault.
"""

import math

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import ArrayProfile, Layer
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import CONVOLUTIONS, PASSING, RECURRENT, TRANSPOSED

INPUT_SHAPE = RuleDeclaration(
    id="input_shape",
    family="data",
    severity=Severity.CRITICAL,
    summary="The input does not have the shape that the first layer reads, or its sequences differ in length.",
    requires=("model", "data profile"),
    parameters=(),
    remedies=(
        "Recurrent layers and Conv1D: x of shape (batch, timesteps, features).",
        "A table: x = numpy.lib.stride_tricks.sliding_window_view(x, T, axis=0).swapaxes(1, 2) for windows of T steps.",
        "Sequences of unequal length: keras.utils.pad_sequences(x, maxlen=T, padding='post', truncating='post'), with "
        "Masking or Embedding(mask_zero=True) behind it.",
    ),
)

EXCESSIVE_PADDING = RuleDeclaration(
    id="excessive_padding",
    family="data",
    severity=Severity.WARNING,
    summary="Most time steps are padding, and a recurrent layer reads them as data.",
    requires=("model", "input statistics"),
    parameters=(Parameter("share", 0.5, "share of the time steps that is padding"),),
    remedies=(
        "Mask it: Masking(), or Embedding(mask_zero=True).",
        "Truncate to the 95th percentile of the lengths: pad_sequences(x, maxlen=T).",
        "Batch sequences of similar length together: tf.data.Dataset.bucket_by_sequence_length.",
    ),
)

_RANKS = {f"{kind}{n}D": n + 2 for kind in ("Conv", "SeparableConv", "DepthwiseConv", "MaxPooling") for n in (1, 2, 3)}
_RANKS |= {f"Conv{n}DTranspose": n + 2 for n in (1, 2, 3)} | {"LSTM": 3, "GRU": 3, "SimpleRNN": 3}
_READS = {3: "(batch, timesteps, features)", 4: "(batch, height, width, channels)", 5: "(batch, 3 axes, channels)"}


def input_shape(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the only input against what the model was built for, or what its first layer reads."""
    array, first = facts.input, _first(facts)
    if array is None or first is None:
        return None
    if array.dtype == "object":
        return _ragged(array)
    if not array.shape:
        return None
    wanted = _built_for(facts, first)
    return _other_shape(array, wanted, first) or _other_rank(array, wanted, first) or _one_step(array, wanted, first)


def _first(facts: Facts) -> Layer | None:
    """The first layer that does more than pass its input on; None when several inputs or unknown ways lead on."""
    graph = facts.graph
    entries = [layer for place, layer in enumerate(graph.layers) if not graph.before[place]]
    if not graph.known or len(entries) != 1:
        return None
    layer = entries[0]
    while layer.kind in (PASSING - {"Reshape", "Flatten", "RepeatVector", "Permute"}) | {"InputLayer"}:
        users = graph.fed_by(layer)
        if layer.settings.get("operations") or not users:
            return None
        if len(users) > 1:
            return users[0] if all(user.kind in RECURRENT for user in users) else None
        layer = users[0]
    return layer


def _built_for(facts: Facts, first: Layer) -> tuple[int, ...]:
    """The shape that the model was built for; empty when unknown."""
    entry = facts.graph.layers[0]
    return (entry.output_shape if entry.kind == "InputLayer" else entry.input_shape) or first.input_shape


def _ragged(array: ArrayProfile) -> Verdict:
    lengths = ""
    if array.shortest is not None and array.longest is not None:
        lengths = f" of {array.shortest} to {array.longest} steps"
    longest = array.longest or "T"
    call = f"x = keras.utils.pad_sequences(x, maxlen={longest}, dtype='float32', padding='post', truncating='post')"
    shorter = "Truncate to a shorter maxlen, or cut long sequences into windows, where few are that long."
    return Verdict(
        f"The input is a list of sequences of unequal length{lengths}, which no tensor holds; pad them: {call}.",
        (fact("input", array.longest or 0, "longest sequence", threshold=array.shortest),),
        (f"{call}, with Masking() or Embedding(mask_zero=True) as the first layer.", shorter),
    )


def _other_shape(array: ArrayProfile, wanted: tuple[int, ...], first: Layer) -> Verdict | None:
    """The array against a shape that the model was built for."""
    shape = array.shape
    if not wanted or len(shape) < 2 or not _reads_axes(first):
        return None
    if len(shape) == len(wanted):
        if _fits(shape, wanted):
            return None
        if len(shape) == 3 and _fits((shape[0], shape[2], shape[1]), wanted):
            return _verdict(shape, wanted, first, "x = x.transpose(0, 2, 1)", "its axes are in another order")
    if _expandable(shape, wanted):
        return None
    sizes, wants = shape[1:], wanted[1:]
    if min(sizes) > 0 and min(wants) > 0 and math.prod(sizes) == math.prod(wants):
        target = ", ".join(map(str, wants))
        return _verdict(shape, wanted, first, f"x = x.reshape(len(x), {target})", "the values of a sample fit")
    if len(shape) == 2 and len(wanted) == 3 and shape[1] == wanted[2] and wanted[1] > 0:
        call = f"x = numpy.lib.stride_tricks.sliding_window_view(x, {wanted[1]}, axis=0).swapaxes(1, 2)"
        return _verdict(shape, wanted, first, f"{call} and y = y[{wanted[1] - 1}:]", "rows are time steps, not windows")
    if len(shape) == 3 and len(wanted) == 3 and shape[2] == wanted[2] and wanted[1] > 0 and shape[1] > 0:
        steps = wanted[1]
        call = f"x = x[:, -{steps}:]" if shape[1] > steps else f"x = keras.utils.pad_sequences(x, maxlen={steps})"
        return _verdict(shape, wanted, first, call, "sequences have another length")
    if len(shape) != len(wanted) or not _fits(shape, wanted):
        return _verdict(shape, wanted, first, f"Input(shape={_tuple(shape[1:])}) in the model", "no reshape fits")
    return None


def _other_rank(array: ArrayProfile, wanted: tuple[int, ...], first: Layer) -> Verdict | None:
    """The array against what the kind of the first layer reads, where the model was not built yet."""
    shape, rank = array.shape, _RANKS.get(first.kind)
    if wanted or rank is None or len(shape) == rank:
        return None
    if len(shape) == rank - 1 and rank == 3 and shape[1] > 0:
        call = (
            f"x = x.reshape(len(x), {shape[1]}, 1) if a row is a series of {shape[1]} steps; if rows are time steps, "
        )
        call += "x = numpy.lib.stride_tricks.sliding_window_view(x, T, axis=0).swapaxes(1, 2)"
    elif len(shape) == rank - 1:
        call = "x = x[..., None]"
    elif len(shape) == 1 and rank == 3:
        call = "x = numpy.lib.stride_tricks.sliding_window_view(x, T)[..., None]"
    else:
        call = f"x = x.reshape(len(x), ...) to {rank} axes"
    reads = _READS.get(rank, f"{rank} axes")
    return Verdict(
        f"The input has shape {_tuple(shape)} and {first.name} ({first.kind}) reads {reads}; {call}.",
        (fact("input", len(shape), "axes of the input", first.name, rank),),
        (f"{call[0].upper()}{call[1:]}.",),
    )


def _one_step(array: ArrayProfile, wanted: tuple[int, ...], first: Layer) -> Verdict | None:
    """A recurrent layer that sees one step of many features has nothing to recur over."""
    shape = array.shape
    if first.kind not in ("LSTM", "GRU", "SimpleRNN") or len(shape) != 3 or shape[1] != 1 or shape[2] <= 1:
        return None
    open_steps = len(wanted) == 3 and wanted[1] < 0
    if open_steps or first.settings.get("stateful") is True or first.settings.get("return_state") is True:
        return None
    call = f"x = x.reshape(len(x), {shape[2]}, 1)"
    return Verdict(
        f"{first.name} reads sequences of one time step with {shape[2]} features, so it has nothing to recur over; "
        f"if the {shape[2]} values are a series, {call} and Input(shape=({shape[2]}, 1)).",
        (fact("input", 1, "time steps", first.name, 2),),
        (f"{call}, and Input(shape=({shape[2]}, 1)).", "For independent features, use Dense layers."),
    )


def excessive_padding(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the padding of inputs that reach a recurrent layer unmasked."""
    data, layers = facts.description.data, facts.graph.layers
    masked = any(layer.kind == "Masking" or layer.settings.get("mask_zero") is True for layer in layers)
    recurrent = next((layer for layer in layers if layer.kind in RECURRENT), None)
    if data is None or masked or recurrent is None or not facts.graph.known:
        return None
    for array in data.inputs:
        share = array.padding_share
        if share is not None and share > rule["share"]:
            return Verdict(
                f"{share:.0%} of the time steps are padding and {recurrent.name} reads them as data; use "
                "Masking() or Embedding(mask_zero=True), or a shorter maxlen.",
                (fact("input", share, "share of time steps that are padding", recurrent.name, rule["share"]),),
            )
    return None


def _reads_axes(first: Layer) -> bool:
    return first.kind in RECURRENT | (CONVOLUTIONS - TRANSPOSED) | {"Dense", "Flatten", "Embedding"}


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(a == b or a < 0 or b < 0 for a, b in zip(shape[1:], wanted[1:], strict=True))


def _expandable(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether Keras itself makes the shapes equal by a last axis of size 1."""
    if len(shape) + 1 == len(wanted) and wanted[-1] == 1:
        return _fits((*shape, 1), wanted)
    return len(shape) == len(wanted) + 1 and shape[-1] == 1 and _fits(shape[:-1], wanted)


def _verdict(shape: tuple[int, ...], wanted: tuple[int, ...], first: Layer, call: str, why: str) -> Verdict:
    return Verdict(
        f"The input has shape {_tuple(shape)} and the model reads {_tuple(wanted)}, {first.kind} {first.name} first: "
        f"{why}; {call}.",
        (fact("input", len(shape), "axes of the input", first.name, len(wanted)),),
        (f"{call}.",),
    )


def _tuple(shape: tuple[int, ...]) -> str:
    sizes = ["?" if size < 0 else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
