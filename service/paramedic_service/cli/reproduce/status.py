"""Exit statuses of `paramedic reproduce`."""

from paramedic.v1 import reproduction_pb2, verdict_pb2
from paramedic.v1.reproduction_pb2 import Reproduction

REMEDY_FOUND = 0
NO_REMEDY = 3
NOT_REPRODUCED = 4
NO_VERDICT = 5
CANCELLED = 130

MEANING = """Exits with 0 when the fault came back and a remedy removed it, 3 when it came back and none did or none was
tried, 4 when it did not come back, 5 without a verdict, 130 when cancelled, 1 when what is named does not exist, and
2 when the request or the connection is at fault."""

_STATUSES = {
    verdict_pb2.VERDICT_KIND_REMEDY_FOUND: REMEDY_FOUND,
    verdict_pb2.VERDICT_KIND_NO_REMEDY_WORKED: NO_REMEDY,
    verdict_pb2.VERDICT_KIND_REPRODUCED: NO_REMEDY,
    verdict_pb2.VERDICT_KIND_NOT_REPRODUCED: NOT_REPRODUCED,
}


def status_of(reproduction: Reproduction) -> int:
    """With which status the command ends."""
    if reproduction.state == reproduction_pb2.REPRODUCTION_STATE_CANCELLED:
        return CANCELLED
    if not reproduction.HasField("verdict"):
        return NO_VERDICT
    return _STATUSES.get(reproduction.verdict.kind, NO_VERDICT)
