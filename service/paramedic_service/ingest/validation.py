"""Requests are checked here, once, so that everything behind can trust them."""

from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from paramedic_service.ingest.batch_validation import read_rows
from paramedic_service.ingest.description_validation import check_description
from paramedic_service.ingest.entries import Batch, Description, Entry, Event
from paramedic_service.ingest.event_validation import check_event, read_finish
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.refusal import InvalidRequestError, Problem

MAX_SEQUENCE = 2**63 - 1  # what databases can keep


def parse(body: bytes) -> StreamTelemetryRequest:
    """Reads the bytes of a request.

    Raises:
        InvalidRequestError: They are none.
    """
    try:
        return StreamTelemetryRequest.FromString(body)
    except Exception as error:  # DecodeError, and whatever a protobuf runtime makes of hostile bytes
        raise InvalidRequestError(
            "request", f"not a readable StreamTelemetryRequest: {error}", Problem.UNREADABLE
        ) from error


def peek_sequence(body: bytes) -> int:
    """The sequence of a request that cannot be parsed, as far as its first bytes tell; 0 otherwise."""
    if body[:1] != b"\x08":  # tag of field 1, a varint; clients write fields in order
        return 0
    sequence = 0
    for index, byte in enumerate(body[1:11]):
        sequence |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return sequence if sequence <= MAX_SEQUENCE else 0
    return 0


def validate(
    request: StreamTelemetryRequest, frontier: Frontier, *, max_tensors: int, by_service: bool = False
) -> Entry:
    """Turns a request into an entry that the fold can trust.

    Args:
        request: As parsed.
        frontier: Where the run's accepted log ends; left as it is.
        max_tensors: Largest table of tensors, or of layers, taken.
        by_service: Whether the service itself wrote the request, which then has no sequence.

    Raises:
        InvalidRequestError: The request is refused.
    """
    if not by_service and not 0 < request.sequence <= MAX_SEQUENCE:
        raise InvalidRequestError("sequence", f"got {request.sequence}, expected 1 to 2^63 - 1", Problem.RANGE)
    match request.WhichOneof("body"):
        case "batch":
            return Batch(read_rows(request.batch, frontier, max_tensors))
        case "description":
            check_description(request.description, max_tensors)
            return Description(request.description)
        case "event":
            check_event(request.event, by_service)
            return Event(request.event)
        case "finish":
            return read_finish(request.finish)
        case "register":
            raise InvalidRequestError("register", "this stream is registered already", Problem.FORBIDDEN)
        case _:
            raise InvalidRequestError("body", "got nothing that this service knows, expected an entry", Problem.MISSING)
