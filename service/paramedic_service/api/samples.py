"""Samples of their data that authors of runs share: the part of TelemetryService that is not the telemetry stream."""

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc

from paramedic.v1.telemetry_pb2 import ShareSampleRequest, ShareSampleResponse
from paramedic_service.api.calls import Context, answered
from paramedic_service.api.telemetry import SERVICE
from paramedic_service.ingest.errors import LimitReachedError, RunNotFoundError
from paramedic_service.ingest.identity_validation import validate_identity
from paramedic_service.ingest.refusal import InvalidRequestError, Problem
from paramedic_service.ingest.sample_validation import validate_sample
from paramedic_service.instruments import Instruments
from paramedic_service.store.interface import Store
from paramedic_service.store.records import SampleRecord

_AT_A_TIME = 4
"""Samples received at a time: each is in memory whole until it is stored."""

_PATIENCE = 120.0
"""How long one may take to arrive, seconds."""


class SampleServicer:
    """Takes samples, checks them and stores them.

    Args:
        store: Where they are kept.
        instruments: Where calls are counted.
        max_sample_bytes: Largest sample that is taken.
        clock: Service clock, seconds since the Unix epoch.
    """

    def __init__(
        self, store: Store, instruments: Instruments, max_sample_bytes: int, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._instruments = instruments
        self._max_sample_bytes = max_sample_bytes
        self._clock = clock
        self._receiving = 0

    def handler(self) -> grpc.GenericRpcHandler:
        """The method as gRPC takes it, beside the stream's own handler of the same service."""
        method: grpc.RpcMethodHandler[ShareSampleRequest, ShareSampleResponse] = grpc.stream_unary_rpc_method_handler(
            self.ShareSample,
            request_deserializer=ShareSampleRequest.FromString,
            response_serializer=ShareSampleResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"ShareSample": method})

    async def ShareSample(  # noqa: N802 (gRPC's name)
        self, requests: AsyncIterator[ShareSampleRequest], context: Context
    ) -> ShareSampleResponse:
        """Keeps a sample in place of what the run shared before."""
        async with answered("ShareSample", context, self._instruments):
            if self._receiving >= _AT_A_TIME:
                raise LimitReachedError(f"{_AT_A_TIME} samples are being received; share this one again in a moment")
            self._receiving += 1
            try:
                async with asyncio.timeout(_PATIENCE):
                    sample, count = await self._receive(requests)
            except TimeoutError as error:
                raise LimitReachedError(f"the sample did not arrive within {_PATIENCE:g} seconds") from error
            finally:
                self._receiving -= 1
            await asyncio.to_thread(self._store.keep_sample, sample)
        return ShareSampleResponse(samples=count)

    async def _receive(self, requests: AsyncIterator[ShareSampleRequest]) -> tuple[SampleRecord, int]:
        """The whole sample, and how many samples it has."""
        first = await anext(aiter(requests), ShareSampleRequest())
        if not first.HasField("header"):
            raise InvalidRequestError("header", "got nothing, expected it in the first message", Problem.MISSING)
        header = first.header
        key = validate_identity(header.run, "header.run")
        size = validate_sample(header, self._max_sample_bytes)
        if await asyncio.to_thread(self._store.get_run, key) is None:
            raise RunNotFoundError(f"run {key.project}/{key.id} was never registered; it shares a sample afterwards")
        contents = bytearray()
        async for request in requests:
            if request.HasField("header"):
                raise InvalidRequestError("header", "got a second one, expected contents", Problem.DUPLICATE)
            if len(contents) + len(request.contents) > size:
                raise InvalidRequestError("contents", f"got more than the {size} bytes of the header", Problem.LENGTH)
            contents += request.contents
        if len(contents) < size:
            raise InvalidRequestError(
                "contents", f"got {len(contents)} bytes, expected {size} by the header", Problem.LENGTH
            )
        record = SampleRecord(key, self._clock(), header.SerializeToString(deterministic=True), bytes(contents))
        return record, header.inputs[0].shape[0]
