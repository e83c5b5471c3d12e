"""A bad entry is refused, and everything around it is kept."""

import random

import pytest

from paramedic.v1.diagnosis_pb2 import GetTelemetryRequest
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from support.service import Reporter, batch, description, diagnosis, identity


def with_steps(sequence, steps, times=None):
    request = StreamTelemetryRequest(sequence=sequence)
    request.batch.steps.extend(steps)
    request.batch.times.extend([1.7e9] * len(steps) if times is None else times)
    return request


def not_utf8(sequence):
    body = batch(sequence, [3]).SerializeToString()
    return body.replace(b"loss", b"lo\xff\xfe")


def with_silence(sequence):
    request = StreamTelemetryRequest(sequence=sequence)
    request.event.time = 1.7e9
    request.event.silence.seconds = 60
    return request


BAD = {
    "garbage": (lambda sequence: b"\x08" + bytes([sequence]) + b"\xff\xff", "request", 0),
    "a name that is not UTF-8": (not_utf8, "request", 0),
    "nothing known": (lambda sequence: StreamTelemetryRequest(sequence=sequence), "body", 0),
    "steps going backwards": (lambda sequence: batch(sequence, [1, 2]), "batch.steps[0]", 2),
    "missing times": (lambda sequence: with_steps(sequence, [3, 3, 3], [1.0]), "batch.times", 3),
    "wrong width": (lambda sequence: batch(sequence, [3], norms=[1.0]), "batch.tensors[0].values", 1),
    "an unknown tensor signal": (
        lambda sequence: StreamTelemetryRequest(
            sequence=sequence, batch={"steps": [3], "times": [1.0], "tensors": [{"signal": 9, "values": [1, 2]}]}
        ),
        "batch.tensors[0].signal",
        1,
    ),
    "a tensor table with a name twice": (
        lambda sequence: description(sequence, ["a", "a"]),
        "description.tensors[1].name",
        0,
    ),
    "silence that only the service may tell": (with_silence, "event.silence", 0),
    "a second registration": (
        lambda sequence: StreamTelemetryRequest(sequence=sequence, register={"run": identity("other")}),
        "register",
        0,
    ),
}


@pytest.mark.parametrize(("bad", "field", "rows"), BAD.values(), ids=BAD)
async def test_a_bad_entry_is_refused_and_its_neighbours_are_stored(channel, bad, field, rows):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(description(1), batch(2, [2], norms=[1.0, 1.0]), bad(3), batch(4, [4], norms=[1.0, 1.0]))
    rejected = await reporter.until_rejected()
    assert (rejected.sequence, rejected.field, rejected.rows) == (3, field, rows)
    assert rejected.reason
    assert reporter.acknowledged == 2, "answers come in the order of their entries"
    await reporter.until_acknowledged(4)
    response = await diagnosis(channel).GetTelemetry(GetTelemetryRequest(run=identity()))
    assert [list(series.steps) for series in response.series] == [[2, 4]]


async def test_refusals_are_counted_by_reason(service, channel):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(b"\xff", batch(1, [5]), batch(2, [1, 2]))
    await reporter.until_rejected(2)
    sample = service.instruments.registry.get_sample_value
    assert sample("paramedic_ingest_rejections_total", {"reason": "unreadable"}) == 1
    assert sample("paramedic_ingest_rejections_total", {"reason": "order"}) == 1
    assert sample("paramedic_ingest_rejected_rows_total") == 2


async def test_a_stream_of_mutated_bytes_costs_no_good_entry(channel):
    """Good entries with odd steps between mutated ones; whatever becomes of those, every good one is stored."""
    generator = random.Random(4)
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(description(1))
    good = list(range(2, 200, 2))
    for sequence in good:
        # Row indices and values are mutated, not the sequence: its effect on later entries is meant.
        body = bytearray(batch(sequence, [0], norms=[1.0, 1.0]).SerializeToString())
        for _ in range(generator.randint(1, 3)):
            body[generator.randrange(3, len(body))] = generator.randrange(256)
        await reporter.send(bytes(body[: generator.randint(3, len(body))]))
        await reporter.send(StreamTelemetryRequest(sequence=sequence + 1, event={"time": 1.0, "epoch_ended": {}}))
    await reporter.close()
    assert reporter.acknowledged == good[-1] + 1
    assert reporter.rejections
