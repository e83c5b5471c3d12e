"""What the messages of exceptions say: the class of the fault, the shapes seen and wanted, and the fix.

Frameworks word the same fault in many ways, and wrap the sentence that matters in pages of graph tracebacks. Each
`Wording` recognises one such sentence wherever it stands. The first that fits wins, so the more telling come first.
"""

import re
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """Classes of faults, in words."""

    SHAPE = "shapes do not fit"
    RAGGED = "samples differ in shape"
    LABEL_RANGE = "label out of range"
    OUTPUT_RANGE = "output out of range"
    INDEX_RANGE = "index out of range"
    MEMORY = "out of memory"
    DTYPE = "data type does not fit"
    NONFINITE = "a check found NaN or infinity"
    PEER = "another process is gone"
    DISCONNECTED = "no gradient reaches the weights"
    OTHER = "error"


@dataclass(frozen=True, slots=True)
class Wording:
    """One way in which frameworks tell of a fault.

    Attributes:
        fault: What it tells of.
        pattern: Regular expression; the groups "seen" and "wanted" hold what was found and what was needed.
        sentence: What it means, in which groups stand in braces.
        fixes: What to change, most promising first, likewise.
    """

    fault: Fault
    pattern: str
    sentence: str
    fixes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What an exception says.

    Attributes:
        fault: Its class.
        sentence: What is wrong; empty when the message tells nothing known.
        fixes: What to change, most promising first.
        seen: What was found, as the message has it; empty when it does not tell.
        wanted: What was needed, likewise.
    """

    fault: Fault
    sentence: str = ""
    fixes: tuple[str, ...] = ()
    seen: str = ""
    wanted: str = ""


_SHAPE = r"[\[(][\d, None?-]*[\])]"

_PAD = (
    "Bring all samples to one length: keras.utils.pad_sequences, or windows of a fixed length.",
    "Batch sequences of one length together: padded_batch or bucketing.",
)

_LABELS = (
    "Give the output layer one unit for each class.",
    "Number the classes from 0 without gaps; look for labels such as -1 that stand for missing.",
)

_LABEL_SHAPE = (
    "Integer labels go with sparse_categorical_crossentropy, one-hot labels with categorical_crossentropy.",
    "Give the output layer as many units as the targets have columns.",
)

_FEATURES = (
    "Feed {wanted} features, or build the layer for the {seen} that come.",
    "Look at the order of the axes: (batch, timesteps, features).",
)

_MEMORY = (
    "Halve the batch size.",
    "Shorten the sequences, or train on windows of them.",
    "Use mixed precision, or a smaller model.",
)

_DTYPE = ('Convert inputs and targets to float32 before training: x.astype("float32").',)

_NONFINITE = (
    "Look for NaN or infinity in the inputs and targets.",
    "Lower the learning rate by a factor of 10, and clip gradients by global norm 1.0.",
)

_DISCONNECTED = (
    "Compute the loss from the model's output by differentiable operations, within the gradient's scope.",
    "Mark the layers as trainable.",
)

_PEER = (
    "Look at the rank that went first, not at this one: `paramedic findings --rule lost_rank` names it, and its own log"
    " and the machine's tell why it went.",
    "Look for a rank that is only slow, or waits for something else, where the message tells of a timeout.",
)

WORDINGS = (
    Wording(
        Fault.PEER,
        r"Rank (?P<seen>\d+) failed to pass monitoredBarrier",
        "rank {seen} did not come to a collective operation",
        _PEER,
    ),
    Wording(
        Fault.PEER,
        r"gloo[^\n]*(?:Connection (?:closed|reset) by peer|Broken pipe|Connection refused)"
        r"|Connection (?:closed|reset) by peer \[[^\]]+\]:\d+",
        "the connection to another rank was closed: that one is gone",
        _PEER,
    ),
    Wording(
        Fault.PEER,
        r"ncclRemoteError|remote process exit|Did the remote server shutdown or crash"
        r"|NCCL communicator (?:was|is) aborted|Collective ops is aborted by"
        r"|(?:sendBytes|recvValue) failed on SocketImpl|heartbeat timeout",
        "another rank is gone",
        _PEER,
    ),
    Wording(
        Fault.PEER,
        r"Watchdog caught collective operation timeout|Timed out waiting \d+ ?ms for (?:recv|send) operation"
        r"|gloo[^\n]*(?:Application timeout caused pair closure|Read timeout)",
        "a collective operation waited in vain for another rank",
        _PEER,
    ),
    Wording(
        Fault.LABEL_RANGE,
        r"label value of (?P<seen>-?\d+) which is outside the valid range of (?P<wanted>\[\d+, ?\d+\))",
        "label {seen} lies outside the valid range {wanted}",
        _LABELS,
    ),
    Wording(Fault.LABEL_RANGE, r"Target (?P<seen>-?\d+) is out of bounds", "label {seen} has no output unit", _LABELS),
    Wording(Fault.LABEL_RANGE, r"t >= 0 && t < n_classes", "a label has no output unit", _LABELS),
    Wording(
        Fault.LABEL_RANGE,
        r"all elements of target should be between 0 and 1",
        "a target lies outside of [0, 1], where it has to be a probability",
        (
            "More than two classes: one output a class, nn.Linear(features, classes) with nn.CrossEntropyLoss.",
            "Two classes: number them 0 and 1; targets that are no classes: nn.MSELoss.",
        ),
    ),
    Wording(
        Fault.OUTPUT_RANGE,
        r"all elements of input should be between 0 and 1|input_val >= zero && input_val <= one",
        "the output is no probability, as the loss wants it",
        ("Use nn.BCEWithLogitsLoss, which applies the sigmoid itself.", "Or end the model in a sigmoid."),
    ),
    Wording(
        Fault.INDEX_RANGE,
        r"indices\[[\d,]*\] = (?P<seen>-?\d+) is not in (?P<wanted>\[\d+, ?\d+\))",
        "index {seen} lies outside the table's range {wanted}",
        ("Make input_dim of the embedding larger than the highest index.", "Map unknown tokens to one index."),
    ),
    Wording(
        Fault.INDEX_RANGE,
        r"index out of range in self",
        "an index lies beyond the embedding table",
        ("Make the embedding table larger than the highest index.", "Map unknown tokens to one index."),
    ),
    Wording(
        Fault.MEMORY,
        rf"OOM when allocating tensor with shape ?(?P<seen>{_SHAPE})",
        "no memory is left for a tensor of shape {seen}",
        _MEMORY,
    ),
    Wording(
        Fault.MEMORY,
        r"out of memory\. Tried to allocate (?P<seen>[\d.]+ ?[KMGT]i?B)",
        "no memory is left for another {seen}",
        _MEMORY,
    ),
    Wording(
        Fault.MEMORY,
        r"Unable to allocate (?P<seen>[\d.]+ ?[KMGT]i?B)",
        "no memory is left for an array of {seen}",
        ("Load the data in parts: a generator, tf.data or a memory map.", *_MEMORY),
    ),
    Wording(
        Fault.MEMORY,
        r"(?i:\bOOM\b|out of memory|resource[ _]?exhausted|CUDNN_STATUS_ALLOC_FAILED)",
        "no memory is left",
        _MEMORY,
    ),
    Wording(
        Fault.NONFINITE,
        r"Tensor had (?:NaN|-?Inf)|Detected Infinity or NaN|contains (?:NaN|infinity)|returned nan values",
        "a value is NaN or infinite",
        _NONFINITE,
    ),
    Wording(
        Fault.RAGGED,
        rf"Cannot batch tensors with different shapes.*?had shape (?P<wanted>{_SHAPE}).*?had shape (?P<seen>{_SHAPE})",
        "a sample of shape {seen} cannot stand in one batch with one of shape {wanted}",
        _PAD,
    ),
    Wording(
        Fault.RAGGED,
        rf"equal size, but got (?P<wanted>{_SHAPE}) at entry \d+ and (?P<seen>{_SHAPE})",
        "a sample of shape {seen} cannot stand in one batch with one of shape {wanted}",
        _PAD,
    ),
    Wording(
        Fault.RAGGED,
        r"inhomogeneous shape|non-rectangular Python sequence|Unsupported object type list|Invalid dtype: object"
        r"|Unrecognized data type: x=\[\[",
        "the samples differ in length, and make no array",
        _PAD,
    ),
    Wording(
        Fault.DTYPE,
        r"was expected to be an? (?P<wanted>\w+) tensor but is an? (?P<seen>\w+) tensor",
        "a {seen} came where {wanted} is wanted",
        _DTYPE,
    ),
    Wording(
        Fault.DTYPE,
        r"has type (?P<seen>\w+) that does not match type (?P<wanted>\w+)",
        "{seen} came where {wanted} is wanted",
        _DTYPE,
    ),
    Wording(
        Fault.DTYPE,
        r"expected (?:scalar type|m1 and m2 to have the same dtype, but got:) ?(?P<wanted>\w+)"
        r"(?: but found | != )(?P<seen>\w+)",
        "{seen} came where {wanted} is wanted",
        _DTYPE,
    ),
    Wording(
        Fault.DTYPE,
        r"expected target dtype to be (?P<wanted>Long or Byte), but got (?P<seen>\w+)",
        "the targets are {seen}, where numbers of classes are wanted",
        ("Give the classes as integers, y.long().", "Targets that are no classes: nn.MSELoss."),
    ),
    Wording(
        Fault.DTYPE,
        r"must have the same dtype, but got (?P<seen>\w+) and (?P<wanted>\w+)",
        "{seen} came where {wanted} is wanted",
        _DTYPE,
    ),
    Wording(
        Fault.DTYPE,
        r"Invalid dtype: (?P<seen>\w+)|could not convert (?P<text>string) to float"
        r"|Failed to convert a NumPy array to a Tensor",
        "the data are no numbers",
        ("Encode text as numbers (TextVectorization, StringLookup) and drop columns that are none.", *_DTYPE),
    ),
    Wording(
        Fault.DTYPE,
        r"Cannot cast|Unable to cast|can't be cast|could not cast|Casting complex|Tensor conversion requested dtype",
        "a value cannot be converted",
        _DTYPE,
    ),
    Wording(
        Fault.SHAPE,
        rf"expected ndim=(?P<wanted>3), found ndim=(?P<seen>\d+)\. Full shape received: (?P<of>{_SHAPE})",
        "the input {of} has {seen} dimensions, not {wanted}",
        (
            "Sequences come as (batch, timesteps, features): reshape to that, x[..., None] for one feature a step.",
            "When the layer before it is recurrent, give that one return_sequences=True.",
        ),
    ),
    Wording(
        Fault.SHAPE,
        rf"expected (?:min_|max_)?ndim=(?P<wanted>\d+), found ndim=(?P<seen>\d+)\. "
        rf"Full shape received: (?P<of>{_SHAPE})",
        "the input {of} has {seen} dimensions, not {wanted}",
        (
            "Reshape the data: images come as (batch, height, width, channels), x[..., None] for one channel.",
            "Put Flatten or global pooling between layers that take different numbers of dimensions.",
        ),
    ),
    Wording(
        Fault.SHAPE,
        rf"expected axis -?\d+ of input shape to have value (?P<wanted>\d+), "
        rf"but received input with shape (?P<of>{_SHAPE})",
        "the input {of} has not {wanted} features",
        (
            "Feed {wanted} features, or build the layer for those that come.",
            "Look at the order of the axes: (batch, timesteps, features).",
        ),
    ),
    Wording(
        Fault.SHAPE,
        rf"Expected shape (?P<wanted>{_SHAPE}), but input has incompatible shape (?P<seen>{_SHAPE})",
        "the input has shape {seen}, not {wanted}",
        (
            "Reshape the data to {wanted}: sequences come as (batch, timesteps, features), and flattened ones are "
            "brought back by x.reshape(len(x), timesteps, features).",
            "Or give the model's Input the shape of the data without the batch axis.",
        ),
    ),
    Wording(
        Fault.SHAPE,
        rf"expected shape=(?P<wanted>{_SHAPE}), found shape=(?P<seen>{_SHAPE})",
        "the input has shape {seen}, not {wanted}",
        ("Give the model's Input the shape of the data without the batch axis, or reshape the data to it.",),
    ),
    Wording(
        Fault.SHAPE,
        rf"`target\.ndim - 1`\. Received: target\.shape=(?P<seen>{_SHAPE}), output\.shape=(?P<of>{_SHAPE})",
        "the targets {seen} are one-hot, where integers are wanted for the output {of}",
        ("Use categorical_crossentropy, or give class numbers as targets: y.argmax(axis=-1).",),
    ),
    Wording(
        Fault.SHAPE,
        rf"Received: target\.shape=(?P<wanted>{_SHAPE}), output\.shape=(?P<seen>{_SHAPE})",
        "the output {seen} does not fit the targets {wanted}",
        _LABEL_SHAPE,
    ),
    Wording(
        Fault.SHAPE,
        rf"same first dimension, got logits shape (?P<seen>{_SHAPE}) and labels shape (?P<wanted>{_SHAPE})",
        "the output {seen} does not fit the labels {wanted}",
        (
            "Where there is one label a sequence, let the last recurrent layer return its last output only.",
            *_LABEL_SHAPE,
        ),
    ),
    Wording(
        Fault.SHAPE,
        rf"[Tt]arget size \(torch\.Size\((?P<seen>{_SHAPE})\)\)[^(]* input size "
        rf"\(torch\.Size\((?P<wanted>{_SHAPE})\)\)",
        "the targets {seen} do not fit the output {wanted}",
        ("Give both one shape: y[:, None], or model(x).squeeze(1), where there is one value a sample.",),
    ),
    Wording(
        Fault.SHAPE,
        r"0D or 1D target tensor expected, multi-target not supported",
        "the targets have columns, where there is one class a sample",
        ("Take the column away: y.squeeze(1).", "Targets that are probabilities of classes have to be floats."),
    ),
    Wording(
        Fault.SHAPE,
        rf"[Ss]hapes (?P<wanted>{_SHAPE}) and (?P<seen>{_SHAPE}) are incompatible",
        "shapes {seen} and {wanted} do not fit",
        _LABEL_SHAPE,
    ),
    Wording(
        Fault.SHAPE,
        r"Expected input batch_size \((?P<seen>\d+)\) to match target batch_size \((?P<wanted>\d+)\)",
        "the output has {seen} rows, the targets {wanted}",
        (
            "Keep the batch axis: flatten everything but axis 0.",
            "Where there is one label a sequence, take the last time step of the recurrent layer's output.",
        ),
    ),
    Wording(
        Fault.SHAPE,
        r"[Dd]ata cardinality is ambiguous.*?'x' sizes: (?P<seen>[\d, ]+\d).*?'y' sizes: (?P<wanted>[\d, ]+\d)",
        "there are {seen} inputs and {wanted} targets",
        ("Cut inputs and targets from the same samples: windowing drops as many targets as inputs.",),
    ),
    Wording(
        Fault.SHAPE,
        r"Matrix size-incompatible: In\[0\]: \[[\d,]*?(?P<seen>\d+)\], In\[1\]: \[(?P<wanted>\d+)[\d,]*\]",
        "{seen} features came where {wanted} are wanted",
        _FEATURES,
    ),
    Wording(
        Fault.SHAPE,
        r"Dimensions must be equal, but are (?P<seen>\d+) and (?P<wanted>\d+) "
        r"for '\{\{node (?!compile_loss)[^}]*MatMul",
        "{seen} features came where {wanted} are wanted",
        _FEATURES,
    ),
    Wording(
        Fault.SHAPE,
        rf"Dimensions must be equal.*?with input shapes: (?P<wanted>{_SHAPE}), (?P<seen>{_SHAPE})",
        "shapes {wanted} and {seen} do not fit",
        (
            "Give the output layer the shape of the targets; where there is one target a sequence, let the last "
            "recurrent layer return its last output only.",
            "Print the shapes of both just before this operation.",
        ),
    ),
    Wording(
        Fault.SHAPE,
        r"shapes cannot be multiplied \(\d+x(?P<seen>\d+) and (?P<wanted>\d+)x\d+\)",
        "{seen} features came where {wanted} are wanted",
        _FEATURES,
    ),
    Wording(
        Fault.SHAPE,
        r"must be equal to input_size\. Expected (?P<wanted>\d+), got (?P<seen>\d+)",
        "{seen} features came where {wanted} are wanted",
        _FEATURES,
    ),
    Wording(
        Fault.SHAPE,
        rf"Incompatible shapes: (?P<seen>{_SHAPE}) vs\. (?P<wanted>{_SHAPE})",
        "shapes {seen} and {wanted} do not fit",
        (
            "Give output and targets one shape, (batch, 1) where there is one value a sample.",
            "When only the batch sizes differ, drop the last, smaller batch: stateful layers need equal ones.",
        ),
    ),
    Wording(
        Fault.SHAPE,
        r"size of tensor a \((?P<seen>\d+)\) must match the size of tensor b \((?P<wanted>\d+)\)",
        "sizes {seen} and {wanted} do not fit",
        ("Give output and targets one shape, (batch, 1) where there is one value a sample.",),
    ),
    Wording(
        Fault.SHAPE,
        rf"total size of the tensor must be unchanged. Received: input_shape=(?P<seen>{_SHAPE}), "
        rf"target_shape=(?P<wanted>{_SHAPE})",
        "{seen} cannot be reshaped to {wanted}",
        ("Reshape to dimensions with the same product, or leave one of them to be inferred: -1.",),
    ),
    Wording(
        Fault.SHAPE,
        rf"with matching shapes except for the concatenation axis\. Received: input_shape=\[(?P<seen>{_SHAPE}), "
        rf"(?P<wanted>{_SHAPE})",
        "{seen} and {wanted} cannot be joined",
        ("Bring the branches to one shape but for the axis they are joined by.",),
    ),
    Wording(
        Fault.SHAPE,
        rf"Received shapes (?P<seen>{_SHAPE}) and (?P<wanted>{_SHAPE})",
        "shapes {seen} and {wanted} do not fit",
        ("Bring the branches to one shape: a Dense layer or a convolution of size 1 changes the last axis.",),
    ),
    Wording(
        Fault.SHAPE,
        r"shape with unknown rank|Cannot take the length of shape",
        "the shape of the data is unknown",
        ("Give the dataset's shapes: output_signature in from_generator, ensure_shape, batch(drop_remainder=True).",),
    ),
    Wording(
        Fault.SHAPE,
        r"(?i:must have the same rank|rank mismatch|incompatible with the layer|shape mismatch|could not be broadcast"
        r"|cannot reshape|shapes? .* not aligned|must have \d dimensions|to be 2-?D or 3-?D)",
        "shapes do not fit",
        ("Print the shapes of inputs, outputs and targets just before the step.",),
    ),
    Wording(
        Fault.DISCONNECTED,
        r"No gradients provided for any variable|does not require grad",
        "no gradient reaches the weights",
        _DISCONNECTED,
    ),
)

_COLOURS = re.compile("\x1b\\[[0-9;]*m|\\[[0-9;]+m")
_COMPILED = tuple((wording, re.compile(wording.pattern, re.DOTALL)) for wording in WORDINGS)
_KINDS = {"MemoryError": Fault.MEMORY, "ResourceExhaustedError": Fault.MEMORY, "OutOfMemoryError": Fault.MEMORY}


def read_message(kind: str, message: str) -> Reading:
    """Reads an exception.

    Args:
        kind: Its class name.
        message: What it says; terminal colours are left out.
    """
    message = plain(message)
    for wording, compiled in _COMPILED:
        match = compiled.search(message)
        if match is None:
            continue
        groups = match.groupdict()
        return Reading(
            wording.fault,
            wording.sentence.format(**groups),
            tuple(fix.format(**groups) for fix in wording.fixes),
            groups.get("seen") or "",
            groups.get("wanted") or "",
        )
    if kind in _KINDS:
        return Reading(_KINDS[kind], "no memory is left", _MEMORY)
    return Reading(Fault.OTHER)


def plain(message: str) -> str:
    """The message without terminal colours."""
    return _COLOURS.sub("", message)
