"""Clocks by which the steps of a loop are long or short, however fast the machine is."""

import itertools
from types import SimpleNamespace
from typing import Any

import paramedic.integrations.cadence
import paramedic.integrations.torch.watch


def let_measuring_cost_nothing(monkeypatch: Any) -> None:
    """Each step is measured: time stands still."""
    _set(monkeypatch, lambda: 0.0)


def let_measuring_cost_too_much(monkeypatch: Any) -> None:
    """Steps are measured as seldom as possible after the first: all time passes while measuring, and nobody waits."""
    _set(monkeypatch, itertools.count(0.0).__next__)
    monkeypatch.setattr(paramedic.integrations.torch.watch, "MAX_DELAY", 3600.0)


def _set(monkeypatch: Any, clock: Any) -> None:
    monkeypatch.setattr(paramedic.integrations.cadence, "time", SimpleNamespace(perf_counter=clock))
