import gzip

import httpx
import pytest

from paramedic_service.ingest.service import IngestService
from paramedic_service.instruments import Instruments
from paramedic_service.settings import Settings
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import RunKey
from paramedic_service.web.app import build
from support.prometheus import check_metrics


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'paramedic.db'}"


@pytest.fixture
async def serve(url):
    """Builds the application on a store, and starts and stops what is behind it."""
    opened = []

    async def serve(*, read_only=False):
        settings = Settings(store_url=url, token=None)
        store = open_store(url, read_only=read_only)
        ingest = IngestService(store, settings, instruments := Instruments())
        await ingest.start()
        transport = httpx.ASGITransport(build(ingest, instruments, settings, store))
        http = httpx.AsyncClient(transport=transport, base_url="http://paramedic")
        opened.append((http, ingest, store))
        return http, ingest

    yield serve
    for http, ingest, store in opened:
        await http.aclose()
        await ingest.stop(1)
        store.close()


async def test_a_process_that_answers_is_alive_and_ready(serve):
    http, _ = await serve()
    for probe in ("/livez", "/readyz"):
        answer = await http.get(probe)
        assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_a_service_that_drains_is_not_ready_but_alive(serve):
    http, ingest = await serve()
    await ingest.stop(1)
    answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.text == "ingest: the service is stopping\n"
    assert (await http.get("/livez")).status_code == 200


async def test_a_store_that_cannot_be_written_is_named_as_what_failed(serve, url):
    open_store(url).close()
    http, _ = await serve(read_only=True)
    answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert answer.text.startswith("store: ")
    assert "reading only" in answer.text


async def test_metrics_come_in_the_text_format_and_promtool_is_content(serve):
    http, ingest = await serve()
    await ingest.register(RunKey("digits", 'a "quoted"\\\nname'), "an LSTM")
    answer = await http.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'paramedic_run_info{project="digits",run="a \\"quoted\\"\\\\\\nname",' in answer.text
    assert check_metrics(answer.content) == ""


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("deflate, gzip;q=0.5", "gzip"), ("gzip;q=0", None), ("identity", None), ("br", None)],
)
async def test_metrics_are_compressed_for_those_who_ask(serve, accepted, coding):
    http, _ = await serve()
    async with http.stream("GET", "/metrics", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers.get("Content-Encoding") == coding
    assert b"# HELP" in (gzip.decompress(raw) if coding else raw)


async def test_the_index_links_to_everything_there_is(serve):
    http, _ = await serve()
    page = (await http.get("/")).text
    for path in ("/metrics", "/livez", "/readyz"):
        assert f'href="{path}"' in page
        assert (await http.get(path)).status_code == 200
