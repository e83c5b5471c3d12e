"""An exception becomes a finding that says what was wrong, where, and what to change.

The messages in real_errors.json were raised by Keras 3.15 with TensorFlow 2.21, NumPy and scikit-learn, and stand there
as they came, paths shortened.
"""

import json
from pathlib import Path

import pytest

from paramedic_service.rules.description import Description, Layer, Model
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.errors import judge
from paramedic_service.rules.errors_messages import Fault, read_message
from paramedic_service.rules.finding import Change
from support.telemetry import healthy_loss, rows_of

REAL = json.loads(Path(__file__).with_name("real_errors.json").read_text("utf-8"))

WORDED = {
    "ValueError: logits and labels must have the same first dimension, got logits shape [96,3] and labels shape [8]": (
        Fault.SHAPE,
        "[96,3]",
        "[8]",
    ),
    "ValueError: Failed to convert a NumPy array to a Tensor (Unsupported object type list).": (Fault.RAGGED, "", ""),
    "ValueError: Failed to convert a NumPy array to a Tensor (Unsupported object type datetime.date).": (
        Fault.DTYPE,
        "",
        "",
    ),
    "ValueError: Invalid input shape for input Tensor(\"data:0\", shape=(32, 80), dtype=float32) with name 'x' "
    "and path ''. Expected shape (None, 10, 8), but input has incompatible shape (32, 80)": (
        Fault.SHAPE,
        "(32, 80)",
        "(None, 10, 8)",
    ),
    "ValueError: Shapes (32, 3) and (32, 1) are incompatible": (Fault.SHAPE, "(32, 1)", "(32, 3)"),
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x7 and 256x64)": (Fault.SHAPE, "7", "256"),
    "RuntimeError: input.size(-1) must be equal to input_size. Expected 256, got 7": (Fault.SHAPE, "7", "256"),
    "ValueError: Expected input batch_size (320) to match target batch_size (32).": (Fault.SHAPE, "320", "32"),
    "RuntimeError: The size of tensor a (3) must match the size of tensor b (32) at non-singleton dimension 1": (
        Fault.SHAPE,
        "3",
        "32",
    ),
    "RuntimeError: stack expects each tensor to be equal size, but got [3, 2] at entry 0 and [5, 2] at entry 1": (
        Fault.RAGGED,
        "[5, 2]",
        "[3, 2]",
    ),
    "IndexError: Target 5 is out of bounds.": (Fault.LABEL_RANGE, "5", ""),
    "RuntimeError: all elements of target should be between 0 and 1": (Fault.LABEL_RANGE, "", ""),
    "RuntimeError: all elements of input should be between 0 and 1": (Fault.OUTPUT_RANGE, "", ""),
    "RuntimeError: expected target dtype to be Long or Byte, but got Float": (Fault.DTYPE, "Float", "Long or Byte"),
    "ValueError: Target size (torch.Size([32])) must be the same as input size (torch.Size([32, 1]))": (
        Fault.SHAPE,
        "[32]",
        "[32, 1]",
    ),
    "ValueError: Using a target size (torch.Size([32])) that is different to the input size (torch.Size([32, 1])) is "
    "deprecated. Please ensure they have the same size.": (Fault.SHAPE, "[32]", "[32, 1]"),
    "RuntimeError: 0D or 1D target tensor expected, multi-target not supported": (Fault.SHAPE, "", ""),
    "IndexError: index out of range in self": (Fault.INDEX_RANGE, "", ""),
    "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 8 GiB": (
        Fault.MEMORY,
        "2.00 GiB",
        "",
    ),
    "MemoryError: ": (Fault.MEMORY, "", ""),
    "RuntimeError: expected scalar type Float but found Double": (Fault.DTYPE, "Double", "Float"),
    "RuntimeError: mat1 and mat2 must have the same dtype, but got Double and Float": (Fault.DTYPE, "Double", "Float"),
    "RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn": (
        Fault.DISCONNECTED,
        "",
        "",
    ),
    "RuntimeError: Function 'MulBackward0' returned nan values in its 0th output.": (Fault.NONFINITE, "", ""),
    "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer "
    "[127.0.0.1]:53437. This is typically caused by a remote worker crashing.": (Fault.PEER, "", ""),
    "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 4000ms for "
    "recv operation to complete": (Fault.PEER, "", ""),
    "RuntimeError: [Rank 0]: Rank 5 failed to pass monitoredBarrier in 1000 ms": (Fault.PEER, "5", ""),
    "DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1970, remote process exited or there was a network error, "
    "NCCL version 2.21.5\nncclRemoteError: A call failed possibly due to a network error or a remote process exiting "
    "prematurely.": (Fault.PEER, "", ""),
    "DistBackendError: [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE) ran "
    "for 600029 milliseconds before timing out.": (Fault.PEER, "", ""),
    "DistNetworkError: recvValue failed on SocketImpl(fd=4): Connection was likely closed. Did the remote server "
    "shutdown or crash?": (Fault.PEER, "", ""),
    "ConnectionResetError: [Errno 104] Connection reset by peer": (Fault.OTHER, "", ""),
    "FileNotFoundError: [Errno 2] No such file or directory: 'checkpoint.keras'": (Fault.OTHER, "", ""),
}


@pytest.mark.parametrize("case", REAL.values(), ids=REAL)
def test_real_messages_are_read_for_fault_layer_and_shapes(case: dict[str, str]) -> None:
    reading = read_message(case["kind"], case["message"])
    assert (reading.fault.name, reading.seen, reading.wanted) == (case["fault"], case["seen"], case["wanted"])
    assert bool(reading.fixes) == (reading.fault is not Fault.OTHER)
    assert judge(case["kind"], case["message"], "", Description(), None).evidence[0].layer == case["layer"]


@pytest.mark.parametrize(("text", "expected"), WORDED.items())
def test_the_wordings_of_other_versions_and_frameworks_are_read(text: str, expected: tuple[Fault, str, str]) -> None:
    kind, _, message = text.partition(": ")
    reading = read_message(kind, message)
    assert (reading.fault, reading.seen, reading.wanted) == expected


def test_the_finding_says_what_was_seen_and_wanted_where_and_what_to_change() -> None:
    case = REAL["generator_lstm_width"]
    finding = Diagnosis().fail(case["kind"], case["message"], "")[0]
    assert finding.summary == (
        "The training ended before its first step with InvalidArgumentError in layer lstm_1: "
        "7 features came where 256 are wanted."
    )
    assert [(e.meaning, e.value) for e in finding.evidence[1:]] == [("seen", 7), ("wanted", 256)]
    assert finding.remedies[0] == "Feed 256 features, or build the layer for the 7 that come."


@pytest.mark.parametrize(
    ("model", "layers", "expected"),
    [
        ("sequential_20", ("lstm", "dense"), "lstm"),
        ("sequential_20", ("lstm", "lstm_1"), "lstm"),
        ("other", ("lstm_1",), "lstm_1"),
        ("other", ("dense",), ""),
    ],
)
def test_nodes_of_the_graph_lead_to_the_layer_as_the_model_names_it(
    model: str, layers: tuple[str, ...], expected: str
) -> None:
    case = REAL["generator_lstm_width"]
    described = Description(model=Model(tuple(Layer(name, "LSTM") for name in layers), name=model))
    assert judge(case["kind"], case["message"], "", described, None).evidence[0].layer == expected


def test_layers_of_nested_models_are_named_by_their_path() -> None:
    text = "Incompatible shapes: [8,16] vs. [32,16]\n [[{{node model_1/encoder_1/lstm_1/while/add}}]]"
    described = Description(model=Model((Layer("encoder/lstm", "LSTM"), Layer("lstm", "LSTM")), name="model"))
    assert judge("InvalidArgumentError", text, "", described, 3).evidence[0].layer == "encoder/lstm"


def test_the_traceback_names_the_layer_where_the_message_does_not() -> None:
    traceback = 'Exception encountered when calling layer "head" (type Dense).'
    assert judge("ValueError", "no", traceback, Description(), 3).evidence[0].layer == "head"


@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "SystemExit"])
def test_an_interruption_is_no_fault(kind: str) -> None:
    assert Diagnosis().fail(kind, "", "") == []


def test_a_training_that_goes_on_got_over_its_error() -> None:
    diagnosis = Diagnosis()
    loss = healthy_loss(20)
    diagnosis.observe(rows_of(loss, None, 0, 10))
    assert diagnosis.fail("ValueError", "no", "")[0].opened_step == 9
    resolved = diagnosis.observe(rows_of(loss, None, 10, 20))[0]
    assert (resolved.change, resolved.resolved_step) == (Change.RESOLVED, 10)


def test_an_error_survives_a_restart_of_the_service() -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(rows_of(healthy_loss(20), None))
    diagnosis = Diagnosis.restore(diagnosis.state())
    assert "after step 19" in diagnosis.fail("ValueError", "no", "")[0].summary
