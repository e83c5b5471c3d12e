import asyncio
import logging

import grpc
import numpy as np
import pytest

import paramedic
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import SampleArray, SampleHeader, ShareSampleRequest
from paramedic.v1.telemetry_pb2_grpc import TelemetryServiceStub
from paramedic_service.reproduction.data.shared import read_shared
from paramedic_service.reproduction.plan import Limits
from paramedic_service.reproduction.sharing import SharedSamples
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import RunKey
from support.service import DEADLINE, channel_to, serving, settings_in
from support.waiting import wait_until

KEY = RunKey("project", "run")
RUN = RunIdentity(project="project", id="run")
X = np.arange(80, dtype=np.float32).reshape(20, 4)
Y = np.arange(20) % 2
HEADER = SampleHeader(
    run=RUN,
    inputs=[SampleArray(shape=[20, 4], dtype="float32")],
    targets=[SampleArray(shape=[20], dtype="int64")],
)
CONTENTS = X.tobytes() + Y.tobytes()


@pytest.fixture
def store(tmp_path):
    return open_store(settings_in(tmp_path).store_url)


@pytest.fixture
async def service(tmp_path, store):
    async with serving(settings_in(tmp_path), store=store) as server:
        yield server


def begin(port: int, tmp_path, **arguments) -> paramedic.Run:
    return paramedic.init("project", id="run", url=f"127.0.0.1:{port}", spool_dir=tmp_path / "spool", **arguments)


async def share(channel, *parts: SampleHeader | bytes):
    """One call of ShareSample."""
    requests = [
        ShareSampleRequest(header=part) if isinstance(part, SampleHeader) else ShareSampleRequest(contents=part)
        for part in parts
    ]
    return await TelemetryServiceStub(channel).ShareSample(iter(requests))


async def test_what_a_training_shares_is_what_its_reproduction_reads(service, tmp_path, store) -> None:
    run = await asyncio.to_thread(begin, service.grpc_port, tmp_path)
    run.share_sample(X, Y)
    await asyncio.to_thread(run.finish)

    samples = SharedSamples(store)
    spec = ReproductionSpec()
    spec.data.shared.CopyFrom(RUN)
    file = samples.file(spec)

    assert samples.has(KEY)
    assert file is not None
    assert samples.file(spec) == file
    read = read_shared(file, np.random.default_rng(0), Limits())
    x = np.concatenate([read.inputs[0], read.held_inputs[0]])
    y = np.concatenate([read.targets[0], read.held_targets[0]])
    order = np.argsort(x[:, 0])
    assert np.array_equal(x[order], X)
    assert np.array_equal(y[order], Y)
    assert run.dropped == {}
    samples.close()
    assert not file.exists()


async def test_a_sample_shared_later_takes_the_place_of_the_first(service, tmp_path, store) -> None:
    run = await asyncio.to_thread(begin, service.grpc_port, tmp_path)
    run.share_sample(X, Y)
    await asyncio.to_thread(wait_until, lambda: store.sample(KEY) is not None)
    run.share_sample(X[:7], Y[:7])
    await asyncio.to_thread(run.finish)

    kept = store.sample(KEY)
    assert kept is not None
    assert SampleHeader.FromString(kept.header).inputs[0].shape[0] == 7


async def test_no_sample_stands_in_the_log(service, tmp_path, store) -> None:
    run = await asyncio.to_thread(begin, service.grpc_port, tmp_path)
    run.log(1, loss=0.5)
    run.share_sample(X, Y)
    await asyncio.to_thread(run.finish)

    record = store.get_run(KEY)
    assert record is not None
    assert all(X.tobytes() not in entry.body for entry in store.read_log(record.number))
    assert not list((tmp_path / "spool").rglob("*.spool"))


async def test_a_sample_waits_for_a_service_that_is_away(tmp_path) -> None:
    async with serving(settings_in(tmp_path)) as server:
        port = server.grpc_port
    run = await asyncio.to_thread(begin, port, tmp_path)
    run.share_sample(X, Y)
    run.log(1, loss=0.5)

    store = open_store(settings_in(tmp_path).store_url)
    async with serving(settings_in(tmp_path).model_copy(update={"grpc_port": port}), store=store):
        await asyncio.to_thread(wait_until, lambda: store.sample(KEY) is not None)
        await asyncio.to_thread(run.finish)


async def test_a_sample_that_the_service_refuses_is_said_once_and_harms_nothing(tmp_path, caplog) -> None:
    store = open_store(settings_in(tmp_path).store_url)
    async with serving(settings_in(tmp_path, max_sample_bytes=100), store=store) as server:
        run = await asyncio.to_thread(begin, server.grpc_port, tmp_path)
        with caplog.at_level(logging.WARNING, "paramedic"):
            run.share_sample(X, Y)
            run.log(1, loss=0.5)
            await asyncio.to_thread(run.finish)
        assert store.get_run(KEY).rows == 1
    [said] = [record.getMessage() for record in caplog.records]
    assert "INVALID_ARGUMENT: header: got arrays of 480 bytes, expected at most 100" in said


async def test_nothing_that_a_training_does_wrong_with_a_sample_raises(service, tmp_path, caplog) -> None:
    run = await asyncio.to_thread(begin, service.grpc_port, tmp_path)
    with caplog.at_level(logging.WARNING, "paramedic"):
        run.share_sample(None, None)
        run.share_sample(object(), X)
        run.share_sample(X, Y[:3])
        run.share_sample(3, 4)
        await asyncio.to_thread(run.finish)
        run.share_sample(X, Y)
    assert any("x: expected an array" in record.getMessage() for record in caplog.records)


def test_offline_it_is_said_that_sharing_needs_the_service(tmp_path, caplog) -> None:
    run = begin(1, tmp_path, mode="offline")
    with caplog.at_level(logging.WARNING, "paramedic"):
        run.share_sample(X, Y)
        run.finish()
    assert any("in offline mode there is nobody to share with" in record.getMessage() for record in caplog.records)


def test_a_disabled_run_shares_nothing_in_silence(tmp_path, caplog) -> None:
    begin(1, tmp_path, mode="disabled").share_sample(X, Y)

    assert not caplog.records


async def test_a_sample_may_be_cut_anywhere(service, channel, tmp_path, store) -> None:
    store.register(KEY, "run", 1.0)

    answer = await share(channel, HEADER, CONTENTS[:1], b"", CONTENTS[1:313], CONTENTS[313:])

    kept = store.sample(KEY)
    assert answer.samples == 20
    assert kept is not None
    assert kept.contents == CONTENTS


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ((), "header: got nothing"),
        ((CONTENTS,), "header: got nothing"),
        ((HEADER, HEADER, CONTENTS), "header: got a second one"),
        ((HEADER, CONTENTS[:-1]), "contents: got 479 bytes, expected 480"),
        ((HEADER, CONTENTS, b"x"), "contents: got more than the 480 bytes"),
        ((SampleHeader(inputs=HEADER.inputs, targets=HEADER.targets), CONTENTS), "header.run.project"),
    ],
    ids=["nothing", "no header", "two headers", "too short", "too long", "no run"],
)
async def test_a_sample_that_is_not_what_its_header_says_is_refused(service, channel, store, parts, says) -> None:
    store.register(KEY, "run", 1.0)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await share(channel, *parts)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert says in refused.value.details()
    assert store.sample(KEY) is None


async def test_the_sample_of_an_unknown_run_is_refused(service, channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await share(channel, HEADER, CONTENTS)

    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_samples_are_received_a_few_at_a_time(service, channel, store) -> None:
    store.register(KEY, "run", 1.0)
    hanging = [TelemetryServiceStub(channel).ShareSample() for _ in range(4)]
    for call in hanging:
        await call.write(ShareSampleRequest(header=HEADER))

    async def code() -> grpc.StatusCode:
        try:
            await share(channel, HEADER, CONTENTS)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    async with asyncio.timeout(DEADLINE):
        while await code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            pass
        for call in hanging:
            call.cancel()
        while await code() is not grpc.StatusCode.OK:
            pass


async def test_strangers_share_nothing(tmp_path) -> None:
    async with serving(settings_in(tmp_path, token="secret")) as server, channel_to(server.grpc_port) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await share(channel, HEADER, CONTENTS)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
