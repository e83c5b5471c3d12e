"""A training that logs to TensorBoard or Weights & Biases changes one line."""

import pytest

import paramedic
from paramedic.adapters import wandb
from paramedic.adapters.tensorboard import SummaryWriter
from support.spooled import Told


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Runs go to disk; returns what the one run said."""
    monkeypatch.setenv("PARAMEDIC_MODE", "offline")
    monkeypatch.setenv("PARAMEDIC_SPOOL_DIR", str(tmp_path))
    return lambda: Told(next(tmp_path.glob("*/*")))


def test_scalars_of_one_step_are_one_row(offline):
    writer = SummaryWriter(project="adapted")
    for step in range(3):
        writer.add_scalar("Loss/train", 1.0 / (step + 1), step)
        writer.add_scalar("lr", 0.1, step)
        writer.add_scalars("Loss", {"val": 2.0}, step)
    writer.close()
    told = offline()
    assert told.scalar("loss") == pytest.approx({0: 1, 1: 1 / 2, 2: 1 / 3})
    assert told.scalar("learning_rate") == {0: 0.1, 1: 0.1, 2: 0.1}
    assert told.scalar("val_loss") == {0: 2, 1: 2, 2: 2}


def test_a_validation_counted_by_epochs_belongs_to_the_step_at_which_it_came(offline):
    writer = SummaryWriter(project="adapted")
    for step in range(1, 11):
        writer.add_scalar("loss", step, step)
    writer.add_scalar("Loss/val", 0.5, 1)
    writer.close()
    assert offline().scalar("val_loss") == {10: 0.5}


def test_what_is_no_scalar_is_passed_over_and_settings_are_kept(offline):
    with SummaryWriter("runs/first", project="adapted") as writer:
        writer.add_image("samples", object(), 1)
        writer.add_text("note", "hello", 1)
        writer.add_hparams({"rate": 0.5}, {"accuracy": 1.0})
    told = offline()
    assert told.description.config["rate"] == 0.5
    assert told.scalar("accuracy") == {0: 1.0}


def test_a_writer_that_was_given_a_run_leaves_its_end_to_the_owner(offline):
    run = paramedic.init("adapted")
    with SummaryWriter(run=run) as writer:
        writer.add_scalar("loss", 1.0, 1)
    assert run.recording
    run.finish()
    assert offline().scalar("loss") == {1: 1.0}


def test_an_exception_in_the_block_ends_the_run_as_failed(offline):
    def train() -> None:
        with SummaryWriter(project="adapted") as writer:
            writer.add_scalar("loss", 1.0, 1)
            raise ValueError("too bad")

    with pytest.raises(ValueError, match="too bad"):
        train()
    assert offline().state == 3


def test_a_call_of_log_is_a_step(offline):
    logger = wandb.init(project="adapted", config={"rate": 0.5}, entity="team")
    for step in range(3):
        wandb.log({"train": {"loss": 3.0 - step}, "grad_norm": 1.0, "note": "text"})
    wandb.finish()
    told = offline()
    assert logger.run.dropped == {}
    assert told.scalar("loss") == {0: 3, 1: 2, 2: 1}
    assert told.description.config["rate"] == 0.5


def test_calls_for_one_step_are_one_row(offline):
    wandb.init(project="adapted")
    wandb.log({"loss": 1.0}, commit=False)
    wandb.log({"accuracy": 0.5})
    wandb.log({"loss": 0.5}, step=7)
    wandb.log({"accuracy": 0.75}, step=7)
    wandb.finish(exit_code=1)
    told = offline()
    assert told.scalar("loss") == {0: 1.0, 7: 0.5}
    assert told.scalar("accuracy") == {0: 0.5, 7: 0.75}
    assert told.state == 3


def test_logging_before_init_says_what_is_missing():
    with pytest.raises(RuntimeError, match="init"):
        wandb.log({"loss": 1.0})
