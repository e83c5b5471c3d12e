"""The client imports, and its messages survive the wire, under whatever protobuf the user's training brings along.

Run by .ci/protobuf-matrix in environments that hold nothing but grpcio, numpy, pytest and one protobuf; it is part of
the ordinary suite, too.
"""

import subprocess
import sys

import google.protobuf
import numpy as np

import paramedic
from paramedic.v1 import description_pb2, diagnosis_pb2, finding_pb2, run_pb2, telemetry_pb2, telemetry_pb2_grpc


def test_importing_the_client_brings_no_framework_along() -> None:
    program = "import sys, paramedic; print({'keras', 'tensorflow', 'torch', 'jax'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "set()"


def test_a_batch_survives_the_wire() -> None:
    batch = telemetry_pb2.StepBatch(steps=[1, 2], times=[0.5, 1.5])
    batch.scalars.add(name="loss", values=[float("nan"), float("inf")])
    batch.tensors.add(signal=telemetry_pb2.TENSOR_SIGNAL_GRADIENT_NORM, values=np.arange(6, dtype=np.float32).tolist())
    request = telemetry_pb2.StreamTelemetryRequest(sequence=7, batch=batch)
    received = telemetry_pb2.StreamTelemetryRequest.FromString(request.SerializeToString())
    assert received.WhichOneof("body") == "batch"
    assert np.array_equal(received.batch.scalars[0].values, [np.nan, np.inf], equal_nan=True)
    assert np.array(received.batch.tensors[0].values, dtype=np.float32).tolist() == [0, 1, 2, 3, 4, 5]


def test_every_message_can_be_made() -> None:
    description = description_pb2.RunDescription(optimizer=description_pb2.OptimizerConfig(name="adam"))
    description.config.update({"layers": [1, 2], "name": "x"})
    assert description.config["name"] == "x"
    assert finding_pb2.Finding(rule="divergence", run=run_pb2.RunIdentity(id="a")).run.id == "a"
    assert diagnosis_pb2.ListRunsRequest(project="p").HasField("project")
    assert telemetry_pb2_grpc.TelemetryServiceStub is not None


def test_a_run_that_goes_nowhere_takes_everything() -> None:
    run = paramedic.init(mode="disabled")
    run.log(0, loss=float("nan"), gradient_norms=np.ones(3))
    run.finish()
    assert google.protobuf.__version__
