"""Optimizers of torch in neutral terms."""

from typing import Any

import pytest
import torch

from paramedic.describe.torch import optimizer_config

WEIGHT = torch.nn.Parameter(torch.zeros(2))


@pytest.mark.parametrize(
    ("optimizer", "name", "settings"),
    [
        (torch.optim.Adam([WEIGHT], 0.5, betas=(0.8, 0.9), eps=1e-3), "adam", {"beta_1": 0.8, "epsilon": 1e-3}),
        (torch.optim.AdamW([WEIGHT], 0.5, weight_decay=0.25), "adamw", {"weight_decay": 0.25, "beta_2": 0.999}),
        (torch.optim.SGD([WEIGHT], 0.5, momentum=0.9, nesterov=True), "sgd", {"momentum": 0.9, "nesterov": True}),
        (torch.optim.RMSprop([WEIGHT], 0.5, alpha=0.75), "rmsprop", {"rho": 0.75, "centered": False}),
        (torch.optim.Adagrad([WEIGHT], 0.5), "adagrad", {"decay": 0.0}),
    ],
)
def test_an_optimizer_has_the_name_and_the_settings_that_keras_gives_it(
    optimizer: Any, name: str, settings: dict[str, Any]
) -> None:
    config = optimizer_config(optimizer)
    assert (config.name, config.learning_rate) == (name, 0.5)
    told = dict(config.settings)
    assert {each: told[each] for each in settings} == settings
    assert not {"foreach", "fused", "params", "lr"} & set(told)


def test_a_learning_rate_in_a_tensor_is_a_number() -> None:
    assert optimizer_config(torch.optim.Adam([WEIGHT], torch.tensor(0.5))).learning_rate == 0.5


def test_what_differs_between_parameter_groups_is_told_of_each() -> None:
    groups = [{"params": [WEIGHT]}, {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.25, "weight_decay": 0.0}]
    config = optimizer_config(torch.optim.AdamW(groups, 0.5))
    assert [dict(each) for each in config.settings["parameter_groups"]] == [
        {"learning_rate": 0.5, "weight_decay": 0.01},
        {"learning_rate": 0.25, "weight_decay": 0.0},
    ]
