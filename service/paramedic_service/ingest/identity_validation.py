"""Checks which run a request means."""

from paramedic.v1.run_pb2 import RunIdentity
from paramedic_service.ingest.refusal import MAX_SIGNAL_CHARACTERS, InvalidRequestError, Problem, check_name
from paramedic_service.store.records import RunKey

MAX_IDENTITY_CHARACTERS = 128


def validate_identity(run: RunIdentity, field: str) -> RunKey:
    """Reads which run is meant.

    Args:
        run: As received.
        field: Path of the message, for errors.

    Raises:
        InvalidRequestError: The identity is incomplete or absurd.
    """
    check_name(run.project, f"{field}.project", MAX_IDENTITY_CHARACTERS)
    check_name(run.id, f"{field}.id", MAX_IDENTITY_CHARACTERS)
    for name in ("attempt", "rank"):
        value = getattr(run, name)
        if value >= 2**31:
            raise InvalidRequestError(f"{field}.{name}", f"got {value}, expected less than 2^31", Problem.RANGE)
    return RunKey(run.project, run.id, run.attempt, run.rank)


def validate_run_name(name: str) -> None:
    """Checks a run's name for people, which may be empty.

    Raises:
        InvalidRequestError: It is absurd.
    """
    if name:
        check_name(name, "register.name", MAX_SIGNAL_CHARACTERS)
