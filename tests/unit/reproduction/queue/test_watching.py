import asyncio

import pytest

from paramedic.v1.reproduction_pb2 import (
    REPRODUCTION_STATE_QUEUED,
    Curve,
    Reproduction,
    ReproductionProgress,
    TrainingOutcome,
    WatchReproductionResponse,
)
from paramedic_service.ingest.errors import StoppingError
from paramedic_service.reproduction.live import STOPPING, LiveReproduction, Watcher


def live() -> LiveReproduction:
    return LiveReproduction(Reproduction(id="id", state=REPRODUCTION_STATE_QUEUED), 1)


def progress(done: int) -> WatchReproductionResponse:
    return WatchReproductionResponse(progress=ReproductionProgress(steps_done=done))


def training(seed: int) -> WatchReproductionResponse:
    outcome = TrainingOutcome(seed=seed, curves=[Curve(signal="loss", steps=[1], values=[2.0])])
    return WatchReproductionResponse(training=outcome)


async def told(watcher: Watcher) -> list[WatchReproductionResponse]:
    return [change async for change in watcher.changes()]


async def test_a_watcher_hears_all_of_it_first_and_then_what_changes() -> None:
    reproduction = live()
    reproduction.apply(training(1))
    with reproduction.watch() as watcher:
        reproduction.apply(progress(3))
        reproduction.apply(training(2))
        reproduction.announce()
        reproduction.release()

        changes = await told(watcher)

    assert [change.WhichOneof("change") for change in changes] == [
        "reproduction",
        "progress",
        "training",
        "reproduction",
    ]
    assert [each.seed for each in changes[0].reproduction.trainings] == [1]
    assert [each.seed for each in changes[3].reproduction.trainings] == [1, 2]
    assert changes[3].reproduction.progress.steps_done == 3


async def test_curves_are_kept_and_never_told() -> None:
    reproduction = live()
    with reproduction.watch() as watcher:
        reproduction.apply(training(1))
        reproduction.announce()
        reproduction.release()
        changes = await told(watcher)

    assert len(reproduction.message.trainings[0].curves) == 1
    assert not changes[1].training.curves
    assert not changes[2].reproduction.trainings[0].curves


async def test_who_reads_slowly_misses_progress_but_no_training() -> None:
    reproduction = live()
    with reproduction.watch() as watcher:
        for step in range(10_000):
            reproduction.apply(progress(step))
        reproduction.apply(training(1))
        for step in range(10_000, 20_000):
            reproduction.apply(progress(step))
        reproduction.release()
        changes = await told(watcher)

    assert [change.progress.steps_done for change in changes if change.HasField("progress")] == [9_999, 19_999]
    assert len(changes) == 4


async def test_a_watch_ends_with_the_reason_when_the_service_stops() -> None:
    reproduction = live()
    with reproduction.watch() as watcher:
        watching = asyncio.create_task(told(watcher))
        await asyncio.sleep(0)
        reproduction.release(STOPPING)
        with pytest.raises(StoppingError, match="goes on"):
            await watching


async def test_a_watcher_that_left_is_forgotten() -> None:
    reproduction = live()
    with reproduction.watch():
        pass
    with reproduction.watch() as other:
        reproduction.apply(progress(1))
        reproduction.release()
        assert len(await told(other)) == 2
