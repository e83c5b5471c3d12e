"""Losses, by their graph and by their name."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from paramedic.describe.torch import found_losses, named_loss

CLASSES = torch.tensor([0, 1, 2, 0])
SOFT = torch.eye(3)[CLASSES]
SPARSE = "sparse_categorical_crossentropy"


@pytest.mark.parametrize(
    ("loss", "name", "from_logits", "target"),
    [
        (lambda x: functional.cross_entropy(x, CLASSES), SPARSE, True, CLASSES),
        (lambda x: functional.cross_entropy(x, CLASSES, label_smoothing=0.1) / 4, SPARSE, True, CLASSES),
        (lambda x: functional.nll_loss(functional.log_softmax(x, -1), CLASSES) * 1024.0, SPARSE, True, CLASSES),
        (lambda x: functional.nll_loss(x, CLASSES), SPARSE, False, CLASSES),
        (lambda x: functional.cross_entropy(x, SOFT), "categorical_crossentropy", True, SOFT),
        (lambda x: functional.binary_cross_entropy_with_logits(x, SOFT), "binary_crossentropy", True, SOFT),
        (lambda x: functional.binary_cross_entropy(torch.sigmoid(x), SOFT), "binary_crossentropy", False, SOFT),
        (lambda x: functional.mse_loss(x, SOFT), "mean_squared_error", None, SOFT),
        (lambda x: ((x - SOFT) ** 2).mean(), "mean_squared_error", None, None),
        (lambda x: functional.l1_loss(x, SOFT), "mean_absolute_error", None, None),
        (lambda x: functional.huber_loss(x, SOFT), "huber", None, SOFT),
        (lambda x: functional.mse_loss(x, SOFT) + 0.1 * x.abs().sum(), "mean_squared_error", None, SOFT),
    ],
)
def test_the_graph_of_a_loss_tells_what_it_is(
    loss: Callable[[Any], Any], name: str, from_logits: bool | None, target: Any
) -> None:
    x = torch.ones(4, 3, requires_grad=True)
    (found,) = found_losses(loss(x).grad_fn, lambda _: False)
    assert found.config.name == name
    assert (found.config.from_logits if found.config.HasField("from_logits") else None) == from_logits
    assert (found.target is None) if target is None else torch.equal(found.target, target)


@pytest.mark.parametrize(
    ("loss", "settings", "weighted"),
    [
        (lambda x: functional.cross_entropy(x, CLASSES) / 4 * 1024.0, {"reduction": "sum_over_batch_size"}, False),
        (lambda x: functional.cross_entropy(x, CLASSES, reduction="sum") / 4, {"reduction": "sum"}, False),
        (lambda x: functional.cross_entropy(x, CLASSES, reduction="none").sum(), {"reduction": "sum"}, False),
        (
            lambda x: functional.cross_entropy(x, CLASSES) + x.exp().mean(),
            {"reduction": "sum_over_batch_size", "further_terms": True},
            False,
        ),
        (
            lambda x: functional.cross_entropy(x, CLASSES, torch.ones(3)),
            {"reduction": "sum_over_batch_size"},
            True,
        ),
        (
            lambda x: (functional.cross_entropy(x, CLASSES, reduction="none") * torch.ones(4)).mean(),
            {"reduction": "sum_over_batch_size"},
            True,
        ),
    ],
)
def test_a_loss_says_whether_it_is_a_mean_and_whether_something_weighs_or_joins_it(
    loss: Callable[[Any], Any], settings: dict[str, Any], weighted: bool
) -> None:
    x = torch.ones(4, 3, requires_grad=True)
    (found,) = found_losses(loss(x).grad_fn, lambda _: False)
    assert (dict(found.config.settings), found.weighted) == (settings, weighted)


def test_a_loss_of_two_parts_is_two_losses() -> None:
    x, y = torch.ones(4, 3, requires_grad=True), torch.ones(4, 1, requires_grad=True)
    total = functional.cross_entropy(x, CLASSES) + 0.5 * functional.mse_loss(y, torch.zeros(4, 1))
    assert [each.config.name for each in found_losses(total.grad_fn, lambda _: False)] == [SPARSE, "mean_squared_error"]


def test_a_graph_without_a_known_loss_tells_none() -> None:
    x = torch.ones(4, 3, requires_grad=True)
    chosen = functional.log_softmax(x, -1).gather(1, CLASSES[:, None])
    assert found_losses((chosen.squeeze() * torch.ones(4)).mean().neg().grad_fn, lambda _: False) == []


@pytest.mark.parametrize(
    ("loss", "name", "from_logits"),
    [
        (nn.CrossEntropyLoss(), SPARSE, True),
        (functional.cross_entropy, SPARSE, True),
        (nn.BCEWithLogitsLoss(), "binary_crossentropy", True),
        (nn.BCELoss(), "binary_crossentropy", False),
        (nn.MSELoss(), "mean_squared_error", None),
        (nn.L1Loss(), "mean_absolute_error", None),
        (functional.smooth_l1_loss, "huber", None),
        (nn.KLDivLoss(), "kl_divergence", None),
        (nn.TripletMarginLoss(), "triplet_margin_loss", None),
    ],
)
def test_the_name_of_a_loss_tells_what_it_is(loss: Any, name: str, from_logits: bool | None) -> None:
    config = named_loss(loss)
    assert config.name == name
    assert (config.from_logits if config.HasField("from_logits") else None) == from_logits
