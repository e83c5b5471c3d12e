"""Real models of every kind, described and judged: none is accused, from memory or from its saved configuration."""

import json
from collections.abc import Callable

import pytest

import paramedic
from paramedic.check import CheckReport, judge
from paramedic_service.cli.keras_config import read_keras_config
from support.gallery import Example, examples

EXAMPLES = dict(examples())


def accusations(report: CheckReport) -> list[str]:
    return [f"{each.rule}: {each.summary}" for each in report if each.severity != "info"]


@pytest.mark.parametrize("make", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_healthy_model_with_its_data_is_not_accused(make: Callable[[], Example]) -> None:
    model, x, y = make()
    assert accusations(paramedic.check(model, x, y, batch_size=32)) == []


@pytest.mark.parametrize("make", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_healthy_saved_model_is_not_accused(make: Callable[[], Example]) -> None:
    model, _, _ = make()
    document = json.loads(model.to_json())
    if isinstance(document["config"].get("layers"), list):
        assert accusations(judge(read_keras_config(document))) == []
