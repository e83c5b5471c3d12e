"""From errors to statuses: the one place that decides what a caller is told."""

import grpc

from paramedic_service.ingest.errors import (
    InvalidArgumentError,
    LimitReachedError,
    NotRegisteredError,
    RunNotFoundError,
    StoppingError,
    SupersededError,
    TooSlowError,
    UnavailableError,
)
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.reproduction.errors import QueueFullError, ReproductionNotFoundError
from paramedic_service.reproduction.origin import OriginError, UnknownOriginError
from paramedic_service.reproduction.plan import SpecError
from paramedic_service.store.interface import StoreError

_CODES: dict[type[Exception], grpc.StatusCode] = {
    InvalidArgumentError: grpc.StatusCode.INVALID_ARGUMENT,
    InvalidRequestError: grpc.StatusCode.INVALID_ARGUMENT,
    NotRegisteredError: grpc.StatusCode.FAILED_PRECONDITION,
    RunNotFoundError: grpc.StatusCode.NOT_FOUND,
    LimitReachedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    TooSlowError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    SupersededError: grpc.StatusCode.ABORTED,
    SpecError: grpc.StatusCode.INVALID_ARGUMENT,
    UnknownOriginError: grpc.StatusCode.NOT_FOUND,
    OriginError: grpc.StatusCode.FAILED_PRECONDITION,
    ReproductionNotFoundError: grpc.StatusCode.NOT_FOUND,
    QueueFullError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    StoppingError: grpc.StatusCode.UNAVAILABLE,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
    StoreError: grpc.StatusCode.UNAVAILABLE,
}


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """What a caller is told of an error.

    Returns:
        The status, and a message that tells the caller what to do. Defects of the service show nothing of its inside.
    """
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return code, str(error)
    return grpc.StatusCode.INTERNAL, "the service failed on this call; its log says why"
