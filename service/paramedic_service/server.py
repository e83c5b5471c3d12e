"""The service as a whole: gRPC and HTTP on one event loop, from the first request to the drain."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import structlog
import uvicorn
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from paramedic.v1 import diagnosis_pb2_grpc, reproduction_pb2_grpc
from paramedic_service.api import diagnosis, reproduction, telemetry
from paramedic_service.api.diagnosis import DiagnosisServicer
from paramedic_service.api.reproduction import ReproductionServicer
from paramedic_service.api.samples import SampleServicer
from paramedic_service.api.telemetry import TelemetryServicer
from paramedic_service.auth import TokenInterceptor
from paramedic_service.ingest.service import IngestService
from paramedic_service.instruments import Instruments
from paramedic_service.notifications.notifier import Notifier
from paramedic_service.notifications.webhook import Webhook
from paramedic_service.reproduction.executors.interface import Executor
from paramedic_service.reproduction.wiring import Reproductions
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.rulebooks import read_rulebooks
from paramedic_service.settings import Settings
from paramedic_service.store.interface import Store
from paramedic_service.store.opening import open_store

Application = Callable[..., Any]
"""An ASGI application."""

ApplicationFactory = Callable[[IngestService, Instruments, Settings, Store], Application]
"""Builds the ASGI application that HTTP serves."""

HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_log = structlog.get_logger(__name__)


class Server:
    """One service: its store, its ingest and its ports.

    Args:
        settings: What it may do, and where it listens.
        web: Builds what HTTP serves; None serves no HTTP.
        store: Where runs are kept, closed with the server; None opens the one that the settings name.
        clock: Service clock, seconds since the Unix epoch.
        executor: What trains reproductions; None: what the settings say.

    Raises:
        RulesFileError: The file of parameters that the settings name cannot be used.
        StoreError: The store cannot be opened.

    Attributes:
        ingest: The runs in memory.
        reproductions: Trainings of reported runs.
        instruments: The service's own metrics.
        grpc_port: Where gRPC listens, once started.
        http_port: Where HTTP listens, once started; None without HTTP.

    Example:
        >>> server = Server(Settings(grpc_port=0))  # doctest: +SKIP
        >>> await server.start()  # doctest: +SKIP
        >>> await server.stop()  # doctest: +SKIP
    """

    def __init__(
        self,
        settings: Settings,
        *,
        web: ApplicationFactory | None = None,
        store: Store | None = None,
        clock: Callable[[], float] = time.time,
        executor: Executor | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        rulebooks = read_rulebooks(settings.rules_file)
        self.instruments = Instruments()
        self._store = open_store(settings.store_url) if store is None else store
        self.ingest = IngestService(self._store, settings, self.instruments, clock, rulebooks)
        self.reproductions = Reproductions(settings, self._store, self.ingest, self.instruments, clock, executor)
        self._health = health.aio.HealthServicer()
        self._grpc = self._build_grpc()
        self._notifier = self._build_notifier(clock)
        self._web = web
        self._http: _HttpServer | None = None
        self._http_task: asyncio.Task[None] | None = None
        self.grpc_port = 0
        self.http_port: int | None = None

    async def start(self) -> None:
        """Brings runs back, then listens.

        Raises:
            StoreError: The store failed.
            OSError: A port cannot be had.
        """
        await self.ingest.start()
        await self.reproductions.start()
        self.grpc_port = self._listen_grpc()
        if self._web is not None:
            self._listen_http(self._web(self.ingest, self.instruments, self._settings, self._store))
        if self._notifier is not None:
            await self._notifier.start()
        await self._grpc.start()
        for name in ("", *_services()):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        _log.info("serving", grpc_port=self.grpc_port, http_port=self.http_port)

    async def stop(self) -> None:
        """Drains: says that it is going, finishes what was taken in, saves, and closes everything."""
        _log.info("stopping")
        await self._health.enter_graceful_shutdown()
        if self._notifier is not None:
            await self._notifier.stop()
        grace = self._settings.drain_grace
        await asyncio.gather(self.ingest.stop(grace), self.reproductions.stop(grace))
        await self._grpc.stop(grace=1.0)  # streams have their status; this lets it reach the callers
        if self._http is not None and self._http_task is not None:
            self._http.should_exit = True
            await self._http_task
        await asyncio.to_thread(self._store.close)
        _log.info("stopped")

    def _build_notifier(self, clock: Callable[[], float]) -> Notifier | None:
        settings = self._settings
        if settings.notify_url is None:
            return None
        secret = None if settings.notify_secret is None else settings.notify_secret.get_secret_value()
        return Notifier(
            self.ingest,
            self._store,
            Webhook(settings.notify_url.get_secret_value(), secret, clock),
            layout=settings.notify_layout,
            least_severity=Severity[settings.notify_severity.upper()],
            rate=settings.notify_rate,
            runbooks=settings.runbooks_url,
            instruments=self.instruments,
            clock=clock,
        )

    def _build_grpc(self) -> grpc.aio.Server:
        token = self._settings.token
        server = grpc.aio.server(
            # Reflection is served by threads; everything else lives on the event loop.
            ThreadPoolExecutor(2, "paramedic-reflection"),
            interceptors=[] if token is None else [TokenInterceptor(token)],
            options=[
                ("grpc.max_receive_message_length", self._settings.max_request_bytes),
                # Clients ping every 10 s, also between calls, to notice a service that is gone.
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
                # The same towards clients that are gone.
                ("grpc.keepalive_time_ms", 30_000),
                ("grpc.keepalive_timeout_ms", 20_000),
                # Two services on one port would each get half of a run's streams.
                ("grpc.so_reuseport", 0),
            ],
        )
        servicer = TelemetryServicer(self.ingest, self.instruments, self._settings.max_request_bytes)
        samples = SampleServicer(self._store, self.instruments, self._settings.max_sample_bytes, self._clock)
        server.add_generic_rpc_handlers((servicer.handler(), samples.handler()))
        diagnosis_pb2_grpc.add_DiagnosisServiceServicer_to_server(
            DiagnosisServicer(self.ingest, self._store, self.instruments), server
        )
        reproduction_pb2_grpc.add_ReproductionServiceServicer_to_server(
            ReproductionServicer(self.reproductions.requests, self.reproductions.service, self.instruments), server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((*_services(), HEALTH, reflection.SERVICE_NAME), server)
        return server

    def _listen_grpc(self) -> int:
        address = f"{self._settings.grpc_host}:{self._settings.grpc_port}"
        certificate, key = self._settings.tls_certificate, self._settings.tls_key
        try:
            if certificate is None or key is None:
                return self._grpc.add_insecure_port(address)
            credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
            return self._grpc.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise OSError(f"gRPC cannot listen on {address}: {error}; set PARAMEDIC_GRPC_PORT") from error

    def _listen_http(self, application: Application) -> None:
        host, port = self._settings.http_host, self._settings.http_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family)
        except OSError as error:
            raise OSError(f"HTTP cannot listen on {host}:{port}: {error}; set PARAMEDIC_HTTP_PORT") from error
        self.http_port = listener.getsockname()[1]
        self._http = _HttpServer(
            uvicorn.Config(application, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        )
        self._http_task = asyncio.create_task(self._http.serve(sockets=[listener]))


async def serve(
    settings: Settings,
    *,
    web: ApplicationFactory | None = None,
    started: Callable[[Server], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then drains.

    Args:
        settings: What the service may do, and where it listens.
        web: Builds what HTTP serves; None serves no HTTP.
        started: Called with the running server, which knows its ports.

    Raises:
        RulesFileError: The file of parameters that the settings name cannot be used.
        StoreError: The store failed.
        OSError: A port cannot be had.
    """
    # The thread that writes to the store gives the interpreter up around every statement; Python's 5 ms would then pass
    # before the busy event loop gives it back.
    sys.setswitchinterval(0.0005)
    server = Server(settings, web=web)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await server.start()
        if started is not None:
            started(server)
        await stop.wait()
    finally:
        await server.stop()


class _HttpServer(uvicorn.Server):
    """Uvicorn beside gRPC: signals are `serve`'s business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _services() -> tuple[str, ...]:
    return telemetry.SERVICE, diagnosis.SERVICE, reproduction.SERVICE
