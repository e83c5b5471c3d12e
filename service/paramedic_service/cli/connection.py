"""The connection to a service: options that name it, calls, and what to say when it fails."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from paramedic.settings import DEFAULT_URL, resolve_endpoint
from paramedic.transport import Endpoint
from paramedic.v1 import diagnosis_pb2, diagnosis_pb2_grpc, finding_pb2, run_pb2
from paramedic_service.cli.output import fail
from paramedic_service.cli.reproductions_client import Reproductions

Url = Annotated[
    str | None,
    typer.Option(
        envvar="PARAMEDIC_URL",
        help="Where the service listens: HOST:PORT, or grpcs://HOST:PORT for TLS.",
        show_default=DEFAULT_URL,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(envvar="PARAMEDIC_TOKEN", help="Bearer token the service asks for.", show_default=False),
]
Tls = Annotated[bool, typer.Option("--tls", envvar="PARAMEDIC_TLS", help="Use TLS.")]
TlsCa = Annotated[
    Path | None,
    typer.Option(
        envvar="PARAMEDIC_TLS_CA",
        help="PEM file with the authority behind the service's certificate; implies TLS.",
    ),
]

# What one answer may take, seconds.
_TIMEOUT = 10.0
_PAGE = 1000
# Descriptions carry the framework's JSON of the whole model.
_MAX_ANSWER_BYTES = 256 * 1024 * 1024


class Service:
    """The service behind a channel.

    Attributes:
        reproductions: Calls about reproductions.
    """

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self.reproductions = Reproductions(channel, metadata)
        self._stub = diagnosis_pb2_grpc.DiagnosisServiceStub(channel)
        self._metadata = metadata

    def ping(self) -> None:
        """Returns when the service has answered a call."""
        self._stub.ListRules(diagnosis_pb2.ListRulesRequest(), **self._call())

    def runs(
        self, project: str | None, state: run_pb2.RunState.ValueType | None, run_id: str | None = None
    ) -> Iterator[run_pb2.Run]:
        """Yields runs, newest first; every attempt and rank is one."""
        request = diagnosis_pb2.ListRunsRequest(project=project, state=state, run_id=run_id, page_size=_PAGE)
        while True:
            page = self._stub.ListRuns(request, **self._call())
            yield from page.runs
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def run(self, identity: run_pb2.RunIdentity) -> diagnosis_pb2.GetRunResponse:
        """Returns one run with its description and the standing of every rule."""
        return self._stub.GetRun(diagnosis_pb2.GetRunRequest(run=identity), **self._call())

    def findings(self, request: diagnosis_pb2.ListFindingsRequest) -> Iterator[finding_pb2.Finding]:
        """Yields findings of all pages, the latest change first."""
        request.page_size = _PAGE
        while True:
            page = self._stub.ListFindings(request, **self._call())
            yield from page.findings
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def incidents(self, request: diagnosis_pb2.ListIncidentsRequest) -> Iterator[finding_pb2.Incident]:
        """Yields incidents of all pages, those of a run together, the latest change first."""
        request.page_size = _PAGE
        while True:
            page = self._stub.ListIncidents(request, **self._call())
            yield from page.incidents
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def telemetry(self, request: diagnosis_pb2.GetTelemetryRequest) -> Sequence[diagnosis_pb2.Series]:
        """Returns signals of a run."""
        return self._stub.GetTelemetry(request, **self._call()).series

    @contextmanager
    def watch(self, request: diagnosis_pb2.WatchFindingsRequest) -> Iterator[Iterator[finding_pb2.Finding]]:
        """Watches findings; inside the block, every change is yielded by the iterator, until the service ends it."""
        call = self._stub.WatchFindings(request, metadata=self._metadata)
        try:
            call.initial_metadata()  # comes when the service has begun to watch, or the call has failed
            if not call.is_active():
                next(call, None)  # raises what it failed with
            yield (answer.finding for answer in call)
        finally:
            call.cancel()

    def _call(self) -> dict[str, Any]:
        return {"timeout": _TIMEOUT, "metadata": self._metadata}


@contextmanager
def connect(url: str | None, token: str | None, tls: bool, tls_ca: Path | None) -> Iterator[Service]:
    """Opens a connection; a call that fails inside the block ends the command with one line that says what to do."""
    where = endpoint(url, token, tls, tls_ca)
    options = [("grpc.max_receive_message_length", _MAX_ANSWER_BYTES)]
    if where.tls:
        channel = grpc.secure_channel(where.target, grpc.ssl_channel_credentials(where.authority), options)
    else:
        channel = grpc.insecure_channel(where.target, options)
    with channel:
        try:
            yield Service(channel, where.metadata)
        except grpc.RpcError as error:
            fail(_explanation(error, where.target), 1 if error.code() is grpc.StatusCode.NOT_FOUND else 2)


def address(url: str | None, tls: bool) -> str | None:
    """Returns a service's address as the client takes it, with TLS said in its scheme."""
    return f"grpcs://{(url or DEFAULT_URL).rpartition('://')[2]}" if tls else url


def endpoint(url: str | None, token: str | None, tls: bool, tls_ca: Path | None) -> Endpoint:
    """Returns where the service is, by the client's own reading; ends the command when that makes no sense."""
    try:
        found = resolve_endpoint(url, token, tls_ca)
    except ValueError as error:
        fail(str(error), 2)
    return replace(found, tls=found.tls or tls)


def _explanation(error: grpc.RpcError, address: str) -> str:
    details = error.details()
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return (
                f"cannot reach a service at {address} ({details}); start one with `paramedic serve`, "
                "or name another with --url or PARAMEDIC_URL"
            )
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"the service at {address} did not answer within {_TIMEOUT:.0f} s; look at its /readyz"
        case grpc.StatusCode.UNAUTHENTICATED:
            return f"the service at {address} refuses the token ({details}); set --token or PARAMEDIC_TOKEN"
        case grpc.StatusCode.NOT_FOUND:
            return f"{details} (asked at {address}; `paramedic runs` lists what there is)"
        case code:
            return f"the service at {address} answered {code.name}: {details}"
