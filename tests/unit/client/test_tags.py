"""Other loggers' names of the signals that rules read."""

import pytest

from paramedic.tags import TOTAL, gradient_norm, signal


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("loss", "loss"),
        ("Loss/train", "loss"),
        ("train_loss", "loss"),
        ("train/loss_step", "loss"),
        ("epoch_loss", "loss"),
        ("Loss/val", "val_loss"),
        ("eval_loss", "val_loss"),
        ("validation/loss", "val_loss"),
        ("evaluation_loss_vs_iterations", "val_loss"),
        ("train/acc", "accuracy"),
        ("val/accuracy", "val_accuracy"),
        ("lr", "learning_rate"),
        ("train/learning_rate", "learning_rate"),
        ("loss_scale", "loss_scale"),
        ("generator/loss", "generator/loss"),
        ("perplexity", "perplexity"),
    ],
)
def test_a_tag_is_the_signal_that_it_means(tag, name):
    assert signal(tag) == name


@pytest.mark.parametrize(
    ("tag", "tensor"),
    [
        ("grad_norm", TOTAL),
        ("train/grad_norm", TOTAL),
        ("gradient_norm", TOTAL),
        ("grad_2.0_norm_total", TOTAL),
        ("grad_2.0_norm/fc.weight", "fc.weight"),
        ("gradient_norm/dense/kernel", "dense/kernel"),
        ("gradients", None),
        ("weight_norm", None),
    ],
)
def test_a_gradient_norm_is_told_from_other_scalars(tag, tensor):
    assert gradient_norm(tag) == tensor
