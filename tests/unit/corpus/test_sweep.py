"""No setting of a baseline may do as well as we do, and the sweep says so when one does."""

from collections.abc import Callable

from corpus.alarm import Alarm
from corpus.judged import Label
from corpus.scores import Share
from corpus.sweep import sweep
from corpus.telemetry import Telemetry
from paramedic_service.rules.description import Description

FAULTY = Label("faulty", "p", "mlp", "tuning", "f", ("stalled",), 0, 1, 1)
HEALTHY = Label("healthy", "p", "mlp", "tuning", "healthy", (), 0, 1, 1)
RUNS = [(FAULTY, Telemetry(Description(), None, (1,), "")), (HEALTHY, Telemetry(Description(), None, (), ""))]
OURS = Share(1, 1), Share(0, 1)


def alarm_when(condition: Callable[[Telemetry, float], bool]) -> Callable[[Telemetry, float], list[Alarm]]:
    return lambda run, leniency: [Alarm("x", 0)] if condition(run, leniency) else []


def test_who_always_or_never_speaks_is_behind() -> None:
    loud = sweep(alarm_when(lambda run, leniency: True), RUNS, *OURS)
    silent = sweep(alarm_when(lambda run, leniency: False), RUNS, *OURS)
    assert (loud.behind, loud.best_recall, loud.least_accused) == (True, 0.0, 1.0)
    assert (silent.behind, silent.best_recall, silent.least_accused) == (True, 0.0, 1.0)


def test_who_is_as_good_at_one_setting_is_not_behind() -> None:
    good_when_lenient = alarm_when(lambda run, leniency: bool(run.epochs) or leniency < 10)
    swept = sweep(good_when_lenient, RUNS, *OURS)
    assert not swept.behind
    assert (swept.best_recall, swept.least_accused) == (1.0, 0.0)
