"""The service's HTTP interface."""

import asyncio
import gzip

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from paramedic_service.ingest.service import IngestService
from paramedic_service.instruments import Instruments
from paramedic_service.metrics.exposition import MAX_SCALAR_SERIES, Exposition
from paramedic_service.metrics.lines import Series
from paramedic_service.metrics.machine import MachineCollector
from paramedic_service.metrics.text import CONTENT_TYPE
from paramedic_service.settings import Settings
from paramedic_service.store.interface import Store
from paramedic_service.web import reproductions
from paramedic_service.web.readiness import Readiness

# The lowest level already makes an exposition a tenth of its size; higher ones cost more than they save.
_GZIP_LEVEL = 1

_INDEX = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Paramedic</title></head>
<body>
<h1>Paramedic</h1>
<ul>
<li><a href="/metrics">/metrics</a>: runs and the service itself, for Prometheus</li>
<li><a href="/reproductions">/reproductions</a>: trainings that were tried again, and which remedy helped</li>
<li><a href="/readyz">/readyz</a>: whether the service takes work, and if not, why</li>
<li><a href="/livez">/livez</a>: whether the process answers</li>
</ul>
</body>
</html>
"""


def build(ingest: IngestService, instruments: Instruments, settings: Settings, store: Store) -> Starlette:
    """Builds the HTTP application.

    Args:
        ingest: The runs in memory; the application must be served on its event loop.
        instruments: The service's own metrics.
        settings: Bounds of the exposition.
        store: Asked by /readyz whether it can be written, and by the pages for what it holds.
    """
    layers = settings.max_layer_series
    bound = Series(scalars=MAX_SCALAR_SERIES, gradients=layers, ratios=layers)
    instruments.registry.register(MachineCollector(settings.store_url))
    exposition = Exposition(ingest.runs, instruments.registry, bound=bound, linger=settings.metrics_linger)
    readiness = Readiness(ingest, store)

    async def index(_: Request) -> Response:
        return HTMLResponse(_INDEX)

    async def metrics(request: Request) -> Response:
        body = await exposition.render()
        headers = {"Content-Type": CONTENT_TYPE, "Vary": "Accept-Encoding"}
        if _accepts_gzip(request):
            body = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers)

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        failures = await readiness.failures()
        if not failures:
            return PlainTextResponse("ok\n")
        return PlainTextResponse("".join(f"{check}: {reason}\n" for check, reason in failures.items()), 503)

    return Starlette(
        routes=[
            Route("/", index),
            Route("/metrics", metrics),
            Route("/livez", livez),
            Route("/readyz", readyz),
            *reproductions.routes(store),
        ]
    )


def _accepts_gzip(request: Request) -> bool:
    for offered in request.headers.get("Accept-Encoding", "").replace(" ", "").lower().split(","):
        coding, _, quality = offered.partition(";")
        if coding == "gzip":
            return quality.rstrip("0.") != "q="  # a quality of zero refuses
    return False
