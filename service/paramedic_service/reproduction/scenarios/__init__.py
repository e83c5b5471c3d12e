"""Trainings that can be reproduced by name: every example and every fault of the project's sources.

The sources are two answers on recurrent networks, "Why does TensorFlow 1.0 RNN loss fail to improve?" and "What causes
TensorFlow 2.0 RNN LSTM model errors?". Their examples are here as they stand, and with labels that can be learned where
theirs are random.
"""

from collections.abc import Mapping

from paramedic_service.reproduction.scenarios import (
    architecture,
    data,
    optimisation,
    recurrence,
    task,
    tensorflow1,
)
from paramedic_service.reproduction.scenarios.scenario import Expectation, Scenario

SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for module in (tensorflow1, recurrence, optimisation, task, data, architecture)
    for scenario in module.SCENARIOS
}
"""By name."""

__all__ = ["SCENARIOS", "Expectation", "Scenario"]
