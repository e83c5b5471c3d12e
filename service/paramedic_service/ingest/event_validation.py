"""Checks events and ends of runs."""

from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED, RUN_STATE_UNSPECIFIED
from paramedic.v1.telemetry_pb2 import FinishRun, RunEvent
from paramedic_service.ingest.entries import Finish
from paramedic_service.ingest.refusal import (
    MAX_COUNT,
    MAX_SIGNAL_CHARACTERS,
    InvalidRequestError,
    Problem,
    check_name,
    check_time,
)
from paramedic_service.store.records import RunState

SERVICE_DETAILS = frozenset({"silence", "pace", "difference", "lost", "returned", "attempt_began", "attempt_replaced"})
MAX_ERROR_CHARACTERS = {"kind": 256, "message": 16_384, "traceback": 65_536}


def check_event(event: RunEvent, by_service: bool) -> None:
    """Refuses events that say nothing, or that only the service itself may report.

    Raises:
        InvalidRequestError: The event is refused.
    """
    check_time(event.time, "event.time")
    if event.HasField("step") and not 0 <= event.step <= MAX_COUNT:
        raise InvalidRequestError("event.step", f"got {event.step}, expected 0 to 2^53", Problem.RANGE)
    match event.WhichOneof("detail"):
        case None:
            raise InvalidRequestError("event.detail", "got nothing that this service knows", Problem.MISSING)
        case detail if detail in SERVICE_DETAILS and not by_service:
            raise InvalidRequestError(f"event.{detail}", "only the service itself reports this", Problem.FORBIDDEN)
        case "error":
            for name, limit in MAX_ERROR_CHARACTERS.items():
                length = len(getattr(event.error, name))
                if length > limit:
                    raise InvalidRequestError(
                        f"event.error.{name}", f"got {length} characters, expected at most {limit}", Problem.LIMIT
                    )
        case "dropped":
            check_name(event.dropped.reason, "event.dropped.reason", MAX_SIGNAL_CHARACTERS)
            if event.dropped.rows > MAX_COUNT:
                raise InvalidRequestError(
                    "event.dropped.rows", f"got {event.dropped.rows}, expected at most 2^53", Problem.RANGE
                )


def read_finish(finish: FinishRun) -> Finish:
    """Reads how a run ended.

    Raises:
        InvalidRequestError: It is no way to end.
    """
    check_time(finish.time, "finish.time")
    if finish.state in (RUN_STATE_UNSPECIFIED, RUN_STATE_FINISHED):
        return Finish(RunState.FINISHED, finish.time)
    if finish.state == RUN_STATE_FAILED:
        return Finish(RunState.FAILED, finish.time)
    raise InvalidRequestError("finish.state", f"got {finish.state}, expected FINISHED or FAILED", Problem.UNKNOWN)
