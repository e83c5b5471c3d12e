"""What surrounds every call: its metrics, and the status of whatever goes wrong in it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog

from paramedic_service.api.errors import status_of
from paramedic_service.instruments import Instruments

Context = grpc.aio.ServicerContext[Any, Any]

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def answered(method: str, context: Context, instruments: Instruments) -> AsyncIterator[None]:
    """Counts a call, and ends it with the status that belongs to the error that leaves it.

    Args:
        method: Its name in metrics.
        context: Of the call.
        instruments: Where it is counted.
    """
    code, message = grpc.StatusCode.OK, ""
    begun = time.perf_counter()
    try:
        yield
    except asyncio.CancelledError:
        code = grpc.StatusCode.CANCELLED
        raise
    except Exception as error:
        code, message = status_of(error)
        if code is grpc.StatusCode.INTERNAL:
            _log.exception("a call failed", method=method)
    finally:  # counted before the caller hears of the outcome
        instruments.rpcs.labels(method, code.name).inc()
        instruments.rpc_seconds.labels(method).observe(time.perf_counter() - begun)
    if code is not grpc.StatusCode.OK:
        await context.abort(code, message)
