"""What a webhook is told by a real service: once, signed, and until it is taken."""

import asyncio
import hashlib
import hmac

import httpx
import pytest

from paramedic_service.web.app import build
from support.receiver import receiving
from support.service import Reporter, batch, channel_to, finish, serving, settings_in
from support.service import description as tensors
from support.waiting import wait_until


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


async def until(condition):
    await asyncio.to_thread(wait_until, condition)


async def ruin(reporter, run="run", **process):
    await reporter.register(run, "project", **process)
    await reporter.send(tensors(1), batch(2, range(3), loss=[1.0, 1.0, float("nan")], norms=[1.0, 1.0]))
    await reporter.until_acknowledged(2)


def counted(server):
    scrape = httpx.get(f"http://127.0.0.1:{server.http_port}/metrics").text
    lines = [line for line in scrape.splitlines() if line.startswith("paramedic_notices_total{")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


async def test_an_incident_is_told_with_what_to_do_and_so_is_its_end(tmp_path, receiver):
    settings = settings_in(tmp_path, notify_url=receiver.url, runbooks_url="https://wiki/runbooks/")
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        reporter = Reporter(channel)
        await ruin(reporter)
        await until(lambda: receiver.taken)
        await reporter.send(finish(3))
        await until(lambda: len(receiver.taken) == 2)

    opened, over = receiver.taken
    assert opened["event"] == "incident_opened"
    assert opened["run"] | {"loss": "nan", "step": 2, "state": "running"} == opened["run"]
    assert opened["incident"]["severity"] == "critical"
    assert "nonfinite_loss" in opened["incident"]["rules"]
    assert opened["incident"]["remedies"][0]["text"]
    assert opened["incident"]["runbook_url"].startswith("https://wiki/runbooks/nonfinite")
    assert over["event"] == "incident_resolved"
    assert over["incident"]["id"] == opened["incident"]["id"]


async def test_what_happens_to_all_ranks_of_a_training_is_told_once(tmp_path, receiver):
    settings = settings_in(tmp_path, notify_url=receiver.url)
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        reporters = [Reporter(channel) for _ in range(3)]
        for rank, reporter in enumerate(reporters):
            await ruin(reporter, rank=rank)
        await ruin(Reporter(channel), "other")
        await until(lambda: len(receiver.taken) == 2)
        await reporters[0].send(finish(3))
        await until(lambda: len(receiver.taken) == 4)  # over here, and no longer known of where it is not

    told = [(each["event"], each["run"]["id"], each["run"]["rank"]) for each in receiver.taken]
    assert told == [
        ("incident_opened", "run", 0),
        ("incident_opened", "other", 0),
        ("incident_resolved", "run", 0),
        ("incident_opened", "run", 1),
    ]


async def test_a_secret_signs_every_message(tmp_path, receiver):
    settings = settings_in(tmp_path, notify_url=receiver.url, notify_secret="shared")
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        await ruin(Reporter(channel))
        await until(lambda: receiver.taken)

    [request] = receiver.received
    time, signature = (part.split("=")[1] for part in request.headers["X-Paramedic-Signature"].split(","))
    assert hmac.new(b"shared", time.encode() + b"." + request.body, hashlib.sha256).hexdigest() == signature


async def test_a_restarted_service_tells_nothing_twice_and_the_end_of_what_was_told(tmp_path, receiver):
    settings = settings_in(tmp_path, notify_url=receiver.url)
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        await ruin(Reporter(channel))
        await until(lambda: receiver.taken)
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        # What is told of another run is told after what would be told of the first.
        await ruin(Reporter(channel), "other")
        await until(lambda: len(receiver.taken) == 2)
        reporter = Reporter(channel)
        await reporter.register("run", "project")
        await reporter.send(finish(3))
        await until(lambda: len(receiver.taken) == 3)

    assert [(told["event"], told["run"]["id"]) for told in receiver.taken] == [
        ("incident_opened", "run"),
        ("incident_opened", "other"),
        ("incident_resolved", "run"),
    ]


async def test_a_receiver_that_fails_is_told_again_under_the_same_key(tmp_path, receiver):
    receiver.statuses = [500, 503]
    settings = settings_in(tmp_path, notify_url=receiver.url)
    async with serving(settings, web=build) as server, channel_to(server.grpc_port) as channel:
        await ruin(Reporter(channel))
        await until(lambda: len(receiver.received) == 3)
        await until(lambda: counted(server).get("delivered") == 1)
        outcomes = await asyncio.to_thread(counted, server)

    assert outcomes == {"failed": 2, "delivered": 1}
    assert len({request.headers["Idempotency-Key"] for request in receiver.received}) == 1


async def test_more_than_the_allowed_rate_is_held_back(tmp_path, receiver):
    settings = settings_in(tmp_path, notify_url=receiver.url, notify_rate=1)
    async with serving(settings, web=build) as server, channel_to(server.grpc_port) as channel:
        for run in ("one", "two", "three"):
            await ruin(Reporter(channel), run)
        await until(lambda: counted(server).get("held_back", 0) >= 2)

    assert len(receiver.taken) == 1


async def test_slack_gets_text_that_it_cannot_misread(tmp_path, receiver):
    settings = settings_in(tmp_path, notify_url=receiver.url, notify_layout="slack")
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        await ruin(Reporter(channel), "<!channel> & co")
        await until(lambda: receiver.taken)

    [message] = receiver.taken
    text = message["blocks"][0]["text"]["text"]
    assert "<!channel>" not in text
    assert "&lt;!channel&gt; &amp; co" in text
    assert "Runbook: deploy/runbooks/nonfinite_" in text


async def test_less_than_the_asked_severity_is_not_told(tmp_path, receiver):
    settings = settings_in(tmp_path, notify_url=receiver.url)
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register("slow", "project")
        spike = [1.0] * 200 + [40.0] * 6
        await reporter.send(tensors(1), batch(2, range(len(spike)), loss=spike, norms=[1.0, 1.0]))
        await reporter.until_acknowledged(2)
        await ruin(Reporter(channel))
        await until(lambda: receiver.taken)

    assert {told["run"]["id"] for told in receiver.taken} == {"run"}
