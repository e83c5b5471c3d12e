"""The examples that need no framework."""

from support.examples import example


def test_any_loop(tmp_path):
    (told,) = example("any_loop", tmp_path)
    assert told.steps() == list(range(300))
    assert told.scalar("loss")[299] < 0.1 < told.scalar("loss")[0]
    assert told.tensors == ["weights"]


def test_what_was_written_for_tensorboard(tmp_path):
    (told,) = example("tensorboard_writer", tmp_path)
    assert list(told.scalar("loss")) == list(range(200))
    assert list(told.scalar("val_loss")) == [49, 99, 149, 199]


def test_what_was_logged_to_wandb(tmp_path):
    (told,) = example("wandb_style", tmp_path)
    assert list(told.scalar("loss")) == list(range(200))
    assert told.description.config["learning_rate"] == 0.05
