"""Answers of one stream: their order, and what is under way."""

import asyncio
from types import SimpleNamespace

import pytest

from paramedic_service.ingest.errors import StoppingError, SupersededError, TooSlowError
from paramedic_service.ingest.session import (
    ENTRIES_AN_ACKNOWLEDGEMENT,
    MAX_IN_FLIGHT_BYTES,
    Acknowledged,
    Promise,
    Rejected,
    Session,
    Throttled,
)
from paramedic_service.ingest.subscriptions import CAPACITY, FindingChange, Subscriptions
from paramedic_service.store.records import LogRecord, RunKey


@pytest.fixture
def session():
    return Session(SimpleNamespace())


def promise(session, sequence, size=10):
    made = Promise(LogRecord(1, sequence, 1, 0, 0, b"x" * size), None, session.run, session)
    session.expect(made)
    return made


async def answers_of(session):
    return [answer async for answer in session.answers()]


def settle(session, *promises):
    for each in promises:
        session.settle(each)
    session.wake()


async def test_answers_come_in_the_order_of_their_entries(session):
    first = promise(session, 1)
    session.answer(Rejected(2, "batch", "bad", 1))
    third = promise(session, 3)
    settle(session, third)
    settle(session, first)
    session.complete()
    assert await answers_of(session) == [Acknowledged(1), Rejected(2, "batch", "bad", 1), Acknowledged(3)]


async def test_one_acknowledgement_answers_everything_that_is_settled(session):
    settle(session, *[promise(session, sequence) for sequence in range(1, 6)])
    session.answer(Acknowledged(3))
    session.complete()
    assert await answers_of(session) == [Acknowledged(5)]


async def test_under_load_acknowledgements_wait_for_each_other(session):
    answers = session.answers()
    waiting = asyncio.create_task(anext(answers))
    await asyncio.sleep(0)
    made = [promise(session, sequence) for sequence in range(1, ENTRIES_AN_ACKNOWLEDGEMENT + 10)]
    settle(session, made[0])
    await asyncio.sleep(0)
    assert not waiting.done()
    settle(session, *made[1:ENTRIES_AN_ACKNOWLEDGEMENT])
    assert await waiting == Acknowledged(ENTRIES_AN_ACKNOWLEDGEMENT)


async def test_news_overtakes_what_is_not_settled(session):
    promise(session, 1)
    session.tell(Throttled(1.0, "full"))
    assert await anext(session.answers()) == Throttled(1.0, "full")


async def test_a_stream_that_is_ended_tells_what_is_settled_and_then_why(session):
    settle(session, promise(session, 1))
    promise(session, 2)
    session.end(SupersededError("newer"))
    session.end(StoppingError("too late to matter"))
    answers = session.answers()
    assert await anext(answers) == Acknowledged(1)
    with pytest.raises(SupersededError):
        await anext(answers)


async def test_a_stream_with_too_much_under_way_waits_until_some_is_settled(session):
    large = promise(session, 1, MAX_IN_FLIGHT_BYTES + 1)
    waiting = asyncio.create_task(session.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    settle(session, large)
    await waiting


async def test_whoever_waits_for_room_learns_that_the_stream_ended(session):
    promise(session, 1, MAX_IN_FLIGHT_BYTES + 1)
    waiting = asyncio.create_task(session.room())
    await asyncio.sleep(0)
    session.end(SupersededError("newer"))
    await waiting
    assert session.ended is not None


def change(severity=3):
    return FindingChange(RunKey("p", "r"), SimpleNamespace(severity=severity))


async def test_a_subscriber_gets_what_it_asked_for():
    subscriptions = Subscriptions()
    with subscriptions.open(lambda change: change.finding.severity > 2) as subscription:
        subscriptions.publish(change(1))
        subscriptions.publish(wanted := change(3))
        assert await anext(subscription.changes()) is wanted


async def test_a_subscriber_that_lags_is_given_up_with_a_reason():
    subscriptions = Subscriptions()
    with subscriptions.open(lambda _: True) as subscription:
        for _ in range(CAPACITY + 1):
            subscriptions.publish(change())
        assert subscription.too_slow
        with pytest.raises(TooSlowError, match="watch again"):
            await anext(subscription.changes())


async def test_subscribers_learn_that_the_service_stops():
    subscriptions = Subscriptions()
    with subscriptions.open(lambda _: True) as subscription:
        subscriptions.close()
        with pytest.raises(StoppingError):
            await anext(subscription.changes())
