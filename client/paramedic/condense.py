"""What must outlive the rows that are given up."""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from paramedic.description import merge
from paramedic.encoding import encode_message, split_sequence, with_sequence
from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest


def condense(payloads: Sequence[bytes]) -> tuple[bytes | None, int]:
    """Reduces requests to one description: without their tensor table, the rows that follow could not be read.

    Args:
        payloads: Requests, oldest first.

    Returns:
        The description, under the last request's sequence so that the order stays; None when there is none.
        And the number of rows that are lost.
    """
    known = RunDescription()
    rows = 0
    for payload in payloads:
        try:
            request = StreamTelemetryRequest.FromString(payload)
        except DecodeError:
            continue
        rows += len(request.batch.steps)
        if request.HasField("description"):
            merge(known, request.description)
    if not payloads or not known.ByteSize():
        return None, rows
    sequence, _ = split_sequence(payloads[-1])
    return with_sequence(encode_message(known), sequence), rows
