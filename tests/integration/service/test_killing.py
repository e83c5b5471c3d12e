"""SIGKILL at any moment: every logged step is stored exactly once."""

import asyncio
import contextlib
import math
import random

import grpc

from paramedic.v1.diagnosis_pb2 import GetTelemetryRequest, ListFindingsRequest
from support.service import (
    Reporter,
    batch,
    channel_to,
    diagnosis,
    finish,
    identity,
    service_process,
    serving,
    settings_in,
)

KILLS = 20
STEPS_AN_ENTRY = 4
ENTRIES = 4000


def entry(sequence):
    steps = range(sequence * STEPS_AN_ENTRY, (sequence + 1) * STEPS_AN_ENTRY)
    return batch(sequence, steps, loss=[math.nan if step % 3000 == 2999 else 1 / (1 + step) for step in steps])


async def stream(port, process, kill_after):
    """Streams from the resume point until the service is killed; what was acknowledged, and how the stream opened."""
    async with channel_to(port) as channel:
        reporter = Reporter(channel)
        resume = (await reporter.register()).last_durable_sequence

        async def kill():
            await asyncio.sleep(kill_after)
            process.kill()

        async def send():
            for sequence in range(resume + 1, ENTRIES + 1):
                await reporter.send(entry(sequence))

        tasks = asyncio.create_task(kill()), asyncio.create_task(send())
        with contextlib.suppress(grpc.aio.AioRpcError, EOFError, asyncio.InvalidStateError):
            await reporter.until_acknowledged(ENTRIES)
        await asyncio.gather(*tasks, return_exceptions=True)
        return resume, max(reporter.acknowledged, resume)


async def report_rest(port):
    """Reports what is left of the run; the steps stored and the findings."""
    async with channel_to(port) as channel:
        reporter = Reporter(channel)
        resume = (await reporter.register()).last_durable_sequence
        await reporter.send(*(entry(sequence) for sequence in range(resume + 1, ENTRIES + 1)), finish(ENTRIES + 1))
        await reporter.close()
        api = diagnosis(channel)
        steps = []
        for start in range(0, (ENTRIES + 1) * STEPS_AN_ENTRY, 8000):
            response = await api.GetTelemetry(
                GetTelemetryRequest(run=identity(), first_step=start, last_step=start + 7999, max_points=10_000)
            )
            steps += [step for series in response.series for step in series.steps]
        findings = (await api.ListFindings(ListFindingsRequest())).findings
        return resume, steps, sorted(findings, key=lambda finding: finding.rule)


async def test_a_service_killed_at_random_moments_stores_every_step_once_and_finds_the_same(tmp_path):
    generator = random.Random(20)
    acknowledged = 0
    for _ in range(KILLS):
        with service_process(tmp_path / "killed") as (process, port):
            # A moment within the registration, the stream, a commit or a checkpoint: nobody knows.
            resume, now = await stream(port, process, generator.uniform(0, 0.15))
            assert resume >= acknowledged, "what was acknowledged is durable"
            acknowledged = now
    async with serving(settings_in(tmp_path / "killed")) as service:
        resume, steps, findings = await report_rest(service.grpc_port)
    assert resume >= acknowledged
    assert steps == list(range(STEPS_AN_ENTRY, (ENTRIES + 1) * STEPS_AN_ENTRY))
    async with serving(settings_in(tmp_path / "undisturbed")) as service:
        _, _, undisturbed = await report_rest(service.grpc_port)
    assert findings == undisturbed
    assert findings
