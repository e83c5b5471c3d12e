"""Several ranks of one training over real gRPC: what the service, which sees them all, finds in each."""

import contextlib

import pytest

from paramedic.v1.finding_pb2 import FINDING_CHANGE_OPENED, FINDING_CHANGE_RESOLVED
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from paramedic_service.ingest.ranks import LOST_SECONDS, TEARDOWN_SECONDS
from paramedic_service.ingest.restore import restore
from paramedic_service.store.records import RunKey, RunState
from support.ranks import replicated, reported
from support.service import Reporter, batch, channel_to, finish, serving, settings_in
from support.waiting import eventually

NOW = 1_700_000_000.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def service(tmp_path, clock):
    async with serving(settings_in(tmp_path), clock=clock) as server:
        yield server


class Ranks:
    """The ranks of one attempt, each with a stream and a connection of its own."""

    def __init__(self, service, clock):
        self.service, self.clock = service, clock
        self.reporters = {}
        self._sequences = {}
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self._stack.aclose()

    async def join(self, *ranks, attempt=0):
        for rank in ranks:
            channel = await self._stack.enter_async_context(channel_to(self.service.grpc_port))
            reporter = Reporter(channel)
            registered = await reporter.register(rank=rank, attempt=attempt)
            self.reporters[rank] = reporter
            self._sequences[rank] = registered.last_durable_sequence

    async def say(self, rank, make, *arguments, **named):
        """Sends one entry of a rank, and waits until it is judged; what the service itself noted of it included."""
        self._sequences[rank] += 1
        reporter = self.reporters[rank]
        await reporter.send(make(self._sequences[rank], *arguments, **named))
        await reporter.until_acknowledged(self._sequences[rank])
        await self.settled()

    async def steps(self, first, last, **named):
        """All ranks report steps; what is given by rank holds for that one."""
        for rank in self.reporters:
            own = {name: value[rank] if isinstance(value, dict) else value for name, value in named.items()}
            await self.say(rank, reported, range(first, last), **own)

    async def vanish(self, rank):
        """Breaks a rank's stream off."""
        self.reporters.pop(rank).call.cancel()
        await eventually(lambda: self.active(rank).session is None)

    async def time(self, seconds):
        self.clock.now += seconds
        await self.service.ingest.tick()
        await self.settled()

    async def settled(self):
        for run in self.service.ingest._runs:
            await run.quiet()

    def active(self, rank, attempt=0):
        run = self.service.ingest._runs.get(RunKey("project", "run", attempt, rank))
        assert run is not None
        return run

    def live(self, rank, attempt=0):
        return self.active(rank, attempt).live

    def found(self, rank, rule, attempt=0):
        """Whether a finding is open; None when it never was."""
        finding = self.live(rank, attempt).diagnosis.findings.get(rule)
        return None if finding is None else finding.open


@pytest.fixture
async def ranks(service, clock):
    async with Ranks(service, clock) as ranks:
        yield ranks


def error(sequence, message, kind="RuntimeError"):
    return StreamTelemetryRequest(
        sequence=sequence, event={"time": NOW, "error": {"kind": kind, "message": message, "traceback": ""}}
    )


GLOO = "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:38719"


async def test_a_rank_that_takes_longer_is_named_with_its_ratio_and_the_others_are_not(ranks):
    await ranks.join(0, 1, 2)
    await ranks.steps(0, 64, busy={0: 0.09, 1: 0.2, 2: 0.1}, seconds=0.2)
    await ranks.steps(64, 128, busy={0: 0.09, 1: 0.2, 2: 0.1}, seconds=0.2)
    assert ranks.found(1, "straggling_rank") is None  # two comparisons: it may have been a checkpoint
    await ranks.steps(128, 192, busy={0: 0.09, 1: 0.2, 2: 0.1}, seconds=0.2)
    finding = ranks.live(1).diagnosis.findings["straggling_rank"]
    assert finding.open
    assert "Rank 1 takes 0.2 s a step, 2 times the median of 3 ranks (0.1 s)" in finding.summary
    assert [ranks.found(rank, "straggling_rank") for rank in (0, 2)] == [None, None]


async def test_a_straggler_that_catches_up_is_no_longer_one(ranks):
    await ranks.join(0, 1)
    for start in range(0, 192, 64):
        await ranks.steps(start, start + 64, seconds={0: 0.1, 1: 0.3})
    assert ranks.found(1, "straggling_rank")
    for start in range(192, 400, 64):
        await ranks.steps(start, start + 64, seconds=0.1, since=1.8e9)
    assert ranks.found(1, "straggling_rank") is False


async def test_ranks_that_are_alike_are_left_alone_and_say_that_they_were_compared(ranks):
    await ranks.join(0, 1)
    assert "straggling_rank" in ranks.live(0).diagnosis.abstentions
    for start in range(0, 320, 64):
        await ranks.steps(start, start + 64, seconds={0: 0.1, 1: 0.12})
    assert ranks.found(1, "straggling_rank") is None
    assert "straggling_rank" not in ranks.live(0).diagnosis.abstentions
    log = list(ranks.service._store.read_log(ranks.live(0).number))
    assert sum(entry.sequence is None for entry in log) == 1, "what says nothing new is not written"


async def test_replicas_that_part_are_found_in_the_first_rank_with_tensor_step_and_ranks(ranks):
    await ranks.join(0, 1, 2)
    for rank in (0, 1, 2):
        await ranks.say(rank, replicated, 3)
    await ranks.steps(0, 10, weights=(5.0, 1.0))
    assert ranks.found(0, "diverging_replicas") is None
    for start in (10, 20):
        await ranks.steps(start, start + 10, weights={0: (5.0, 1.0), 1: (5.1, 1.0), 2: (5.0, 1.0)}, weights_every=4)
    finding = ranks.live(0).diagnosis.findings["diverging_replicas"]
    assert (finding.open, finding.opened_step) == (True, 28)
    assert finding.evidence[0].tensor == "dense/kernel"
    assert "dense/kernel of rank 1 differs" in finding.summary
    assert [ranks.found(rank, "diverging_replicas") for rank in (1, 2)] == [None, None]


@pytest.mark.parametrize("why", ["rounding", "not replicas", "more processes than replicas"])
async def test_weights_that_need_not_be_equal_are_not_compared_or_say_nothing(ranks, why):
    await ranks.join(0, 1, 2)
    replicas = {"rounding": 3, "not replicas": 0, "more processes than replicas": 2}[why]
    for rank in (0, 1, 2):
        await ranks.say(rank, replicated, replicas)
    other = 5.0 * (1 + 1e-6) if why == "rounding" else 7.0
    for start in range(0, 40, 10):
        await ranks.steps(start, start + 10, weights={0: (5.0, 1.0), 1: (other, 1.0), 2: (5.0, 1.0)})
    assert ranks.found(0, "diverging_replicas") is None
    assert ("diverging_replicas" in ranks.live(0).diagnosis.abstentions) is (why != "rounding")


async def test_a_rank_whose_stream_breaks_off_is_lost_within_seconds_while_the_others_go_on(ranks):
    await ranks.join(0, 1, 2)
    await ranks.steps(0, 38)
    await ranks.vanish(1)
    await ranks.time(LOST_SECONDS - 1)
    assert ranks.found(1, "lost_rank") is None
    await ranks.time(1)
    finding = ranks.live(1).diagnosis.findings["lost_rank"]
    assert finding.open
    assert "Rank 1 is gone after step 37" in finding.summary
    assert [ranks.found(rank, "lost_rank") for rank in (0, 2)] == [None, None]
    await ranks.time(7200)
    assert ranks.found(1, "stalled_run") is None, "a rank that is lost need not be found stalled as well"


async def test_a_rank_that_comes_back_is_not_lost(ranks):
    await ranks.join(0, 1)
    await ranks.steps(0, 10)
    await ranks.vanish(1)
    await ranks.time(LOST_SECONDS)
    await ranks.join(1)
    await ranks.settled()
    assert ranks.found(1, "lost_rank") is False
    reporter = ranks.reporters[1]
    await reporter.until(lambda: FINDING_CHANGE_RESOLVED in [finding.change for finding in reporter.findings])
    assert reporter.findings[0].change == FINDING_CHANGE_OPENED


async def test_a_rank_that_others_die_of_is_the_lost_one(ranks):
    await ranks.join(0, 1, 2)
    await ranks.steps(0, 10)
    await ranks.say(0, error, GLOO)  # heard before the end of the stream that it tells of
    await ranks.say(0, finish, "RUN_STATE_FAILED")
    ranks.clock.now += 0.1
    await ranks.vanish(1)
    ranks.clock.now += 1
    await ranks.vanish(2)  # its launcher ends what is left
    await ranks.time(LOST_SECONDS)
    assert [ranks.found(rank, "lost_rank") for rank in (0, 1, 2)] == [None, True, None]
    [incident] = ranks.live(0).incidents
    assert incident.causes[0].id == "lost_peer"
    assert "Rank 1 was lost after step 9." in incident.summary


async def test_a_rank_that_gives_up_waiting_later_is_told_whom_it_waited_for(ranks):
    await ranks.join(0, 1)
    await ranks.steps(0, 10)
    await ranks.vanish(1)
    await ranks.time(LOST_SECONDS)
    await ranks.say(0, error, "Timed out waiting 1800000ms for recv operation to complete")
    finding = ranks.live(0).diagnosis.findings["training_error"]
    assert finding.summary.endswith("Rank 1 was lost after step 9.")
    assert finding.remedies[0].startswith("Look at rank 1")


async def test_a_rank_that_never_reports_a_step_or_weights_is_not_waited_for(ranks):
    await ranks.join(0, 1, 2, 3)
    idle = ranks.reporters.pop(3)
    for rank in (0, 1, 2):
        await ranks.say(rank, replicated, 4)
    for start in range(0, 192, 64):
        slow = {0: 0.1, 1: 0.3, 2: 0.1}
        await ranks.steps(start, start + 64, seconds=slow, weights={0: (5.0, 1.0), 1: (6.0, 1.0), 2: ()})
    assert ranks.found(1, "straggling_rank")
    assert ranks.found(0, "diverging_replicas")
    assert idle.registered


async def test_ranks_that_are_ended_because_another_raised_are_not_lost(ranks):
    await ranks.join(0, 1, 2)
    await ranks.steps(0, 10)
    await ranks.say(1, error, "index out of range in self", "IndexError")
    await ranks.say(1, finish, "RUN_STATE_FAILED")
    ranks.clock.now += 1
    await ranks.vanish(0)
    await ranks.vanish(2)
    await ranks.time(LOST_SECONDS)
    assert [ranks.found(rank, "lost_rank") for rank in (0, 1, 2)] == [None, None, None]


async def test_a_second_rank_that_dies_much_later_is_lost_too(ranks):
    await ranks.join(0, 1, 2)
    await ranks.steps(0, 10)
    await ranks.vanish(1)
    await ranks.time(TEARDOWN_SECONDS + 1)
    await ranks.vanish(2)
    await ranks.time(LOST_SECONDS)
    assert [ranks.found(rank, "lost_rank") for rank in (0, 1, 2)] == [None, True, True]


async def test_a_job_that_is_cancelled_as_a_whole_has_lost_nobody(ranks):
    await ranks.join(0, 1)
    await ranks.steps(0, 10)
    await ranks.vanish(1)
    await ranks.vanish(0)
    await ranks.time(LOST_SECONDS)
    assert [ranks.found(rank, "lost_rank") for rank in (0, 1)] == [None, None]


async def test_a_rank_that_finished_is_not_lost(ranks):
    await ranks.join(0, 1)
    await ranks.steps(0, 10)
    await ranks.say(1, finish)
    await ranks.vanish(1)
    await ranks.time(LOST_SECONDS)
    assert ranks.found(1, "lost_rank") is None


async def test_a_service_that_restarts_has_lost_nobody_and_remembers_who_was_lost(tmp_path, clock):
    settings = settings_in(tmp_path)
    async with serving(settings, clock=clock) as service, Ranks(service, clock) as ranks:
        await ranks.join(0, 1, 2)
        await ranks.steps(0, 10)
        await ranks.vanish(2)
        await ranks.time(LOST_SECONDS)
    async with serving(settings, clock=clock) as service, Ranks(service, clock) as ranks:
        await ranks.join(0)
        await ranks.time(LOST_SECONDS)
        assert [ranks.found(rank, "lost_rank") for rank in (0, 1, 2)] == [None, None, True]
        await ranks.join(1, 2)
        await ranks.settled()
        assert ranks.found(2, "lost_rank") is False
        await ranks.steps(10, 20)
        await ranks.vanish(1)
        await ranks.time(LOST_SECONDS)
        assert ranks.found(1, "lost_rank")


async def test_an_attempt_that_begins_below_the_last_step_of_the_one_before_makes_steps_again(ranks):
    await ranks.join(0, 1)
    await ranks.steps(0, 101)
    await ranks.vanish(0)
    await ranks.vanish(1)
    await ranks.join(0, 1, attempt=2)  # whatever happened to the first one
    await ranks.say(0, reported, range(80, 90), since=1.8e9)
    await ranks.say(1, reported, range(101, 110), since=1.8e9)
    finding = ranks.live(0, attempt=2).diagnosis.findings["restarted_earlier"]
    assert (
        "Attempt 2 began at step 80, where attempt 0 had reached step 100: 20 steps are made again" in finding.summary
    )
    assert ranks.found(1, "restarted_earlier", attempt=2) is None


async def test_a_later_attempt_ends_the_one_before_so_that_nobody_waits_for_it(ranks):
    await ranks.join(0, 1)
    await ranks.steps(0, 10)
    await ranks.vanish(1)
    await ranks.time(LOST_SECONDS)
    assert ranks.found(1, "lost_rank")
    await ranks.vanish(0)
    await ranks.join(0, 1, attempt=1)
    await ranks.time(LOST_SECONDS)
    assert [ranks.live(rank).state for rank in (0, 1)] == [RunState.FAILED, RunState.FAILED]
    assert ranks.found(1, "lost_rank") is False
    await ranks.time(120)
    assert ranks.found(0, "stalled_run") is None


async def test_a_rank_that_was_lost_is_found_even_where_the_next_attempt_begins_at_once(ranks):
    await ranks.join(0, 1)
    await ranks.steps(0, 10)
    await ranks.vanish(1)
    await ranks.say(0, error, GLOO)
    await ranks.say(0, finish, "RUN_STATE_FAILED")
    await ranks.join(0, 1, attempt=1)
    await ranks.time(1)
    assert ranks.found(1, "lost_rank") is None
    await ranks.time(LOST_SECONDS)
    assert ranks.found(1, "lost_rank")
    await ranks.time(1)
    assert ranks.found(1, "lost_rank") is False
    assert ranks.live(1).state is RunState.FAILED


async def test_what_was_found_among_ranks_stands_in_their_logs_so_that_a_replay_finds_it_too(ranks):
    await ranks.join(0, 1)
    for rank in (0, 1):
        await ranks.say(rank, replicated, 2)
    for start in range(0, 256, 64):
        await ranks.steps(start, start + 64, seconds={0: 0.1, 1: 0.3}, weights={0: (5.0, 1.0), 1: (6.0, 1.0)})
    await ranks.vanish(1)
    await ranks.time(LOST_SECONDS)
    await ranks.service.ingest.publish_to_store()
    for rank, rules in ((0, {"diverging_replicas"}), (1, {"straggling_rank", "lost_rank"})):
        live = ranks.live(rank)
        record = ranks.service._store.get_run(live.key)
        replayed = restore(ranks.service._store, record)
        assert rules <= replayed.diagnosis.findings.keys()
        assert replayed.diagnosis.findings == live.diagnosis.findings
        assert replayed.diagnosis.state().keys() == live.diagnosis.state().keys()


@pytest.mark.parametrize(
    "detail", ["pace", "difference", "lost", "returned", "attempt_began", "attempt_replaced", "silence"]
)
async def test_no_client_may_say_what_only_the_service_knows(ranks, detail):
    await ranks.join(0)
    reporter = ranks.reporters[0]
    await reporter.send(StreamTelemetryRequest(sequence=1, event={"time": NOW, detail: {}}))
    assert (await reporter.until_rejected()).field == f"event.{detail}"
    await reporter.send(batch(2, [0]))
    await reporter.until_acknowledged(2)
