"""TelemetryService: one stream a training process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc

from paramedic.v1 import telemetry_pb2
from paramedic.v1.telemetry_pb2 import StreamTelemetryResponse
from paramedic_service.api.calls import Context, answered
from paramedic_service.ingest.errors import NotRegisteredError, StoppingError
from paramedic_service.ingest.identity_validation import validate_identity, validate_run_name
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.ingest.service import IngestService
from paramedic_service.ingest.session import Acknowledged, Answer, Rejected, Reproduced, Session, Throttled
from paramedic_service.ingest.translation import finding_to_message
from paramedic_service.ingest.validation import parse, peek_sequence
from paramedic_service.instruments import Instruments

SERVICE = telemetry_pb2.DESCRIPTOR.services_by_name["TelemetryService"].full_name


class TelemetryServicer:
    """Translates between the wire and `IngestService`.

    Args:
        ingest: Does the work.
        instruments: Where calls are counted.
        max_request_bytes: What clients are told to be the largest request taken.
    """

    def __init__(self, ingest: IngestService, instruments: Instruments, max_request_bytes: int) -> None:
        self._ingest = ingest
        self._instruments = instruments
        self._max_request_bytes = max_request_bytes

    def handler(self) -> grpc.GenericRpcHandler:
        """The service as gRPC takes it.

        Requests are left as bytes: the log keeps them as they came, and what cannot be parsed is then an entry to be
        refused, not the end of the stream.
        """
        stream: grpc.RpcMethodHandler[bytes, StreamTelemetryResponse] = grpc.stream_stream_rpc_method_handler(
            self.StreamTelemetry,
            request_deserializer=None,
            response_serializer=StreamTelemetryResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"StreamTelemetry": stream})

    async def StreamTelemetry(self, requests: AsyncIterator[bytes], context: Context) -> None:  # noqa: N802 (gRPC's name)
        """Serves one stream until the client has sent everything, leaves, or is superseded."""
        async with answered("StreamTelemetry", context, self._instruments):
            session = await self._register(requests, context)
            if session is None:
                return
            reader = asyncio.create_task(self._read(requests, session))
            try:
                await context.write(self._registered(session))
                async for answer in session.answers():
                    await context.write(_translate(answer))
            finally:
                self._ingest.close(session)
                reader.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reader

    async def _register(self, requests: AsyncIterator[bytes], context: Context) -> Session | None:
        """Reads up to the registration; None when the client left before."""
        async for body in requests:
            try:
                request = parse(body)
                if not request.HasField("register"):
                    raise NotRegisteredError("the first request of a stream must be its registration")
                key = validate_identity(request.register.run, "register.run")
                validate_run_name(request.register.name)
            except InvalidRequestError as error:
                self._instruments.rejections.labels(error.problem.value).inc()
                await context.write(_translate(Rejected(peek_sequence(body), error.field, error.reason, 0)))
                continue
            return await self._ingest.register(key, request.register.name or key.id)
        return None

    async def _read(self, requests: AsyncIterator[bytes], session: Session) -> None:
        """Hands every further request on; what ends the reading ends the stream."""
        try:
            async for body in requests:
                await self._ingest.take(session, body)
        except StoppingError:
            pass  # what was taken in is still answered; then the service ends the stream itself
        except Exception as error:
            session.end(error)
        else:
            session.complete()

    def _registered(self, session: Session) -> StreamTelemetryResponse:
        response = StreamTelemetryResponse()
        response.registered.last_durable_sequence = session.resume_point
        response.registered.max_request_bytes = self._max_request_bytes
        return response


def _translate(answer: Answer) -> StreamTelemetryResponse:
    response = StreamTelemetryResponse()
    match answer:
        case Acknowledged(sequence):
            response.acknowledged.sequence = sequence
        case Rejected(sequence, field, reason, rows):
            response.rejected.sequence = sequence
            response.rejected.field = field
            response.rejected.reason = reason
            response.rejected.rows = rows
        case Throttled(pause, reason):
            response.throttle.pause = pause
            response.throttle.reason = reason
        case Reproduced(incident, link):
            response.reproduction.incident = incident
            response.reproduction.reproduction.CopyFrom(link)
        case change:
            response.finding.CopyFrom(finding_to_message(change.run, change.finding))
    return response
