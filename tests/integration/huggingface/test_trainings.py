"""Trainings by a transformers.Trainer, with the Monitor among its callbacks."""

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

import paramedic
from paramedic.integrations.huggingface import Monitor
from paramedic.v1.finding_pb2 import FINDING_CHANGE_OPENED, SEVERITY_CRITICAL, Finding
from support.spooled import Told

BATCH, SAMPLES = 8, 40

BERT = BertConfig(
    vocab_size=20,
    hidden_size=8,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=16,
    max_position_embeddings=8,
    num_labels=3,
)


class Noting(Trainer):
    """Notes what its steps differentiate, and what its gradients are before they are clipped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.losses: list[float] = []
        self.norms: list[list[float]] = []
        super().__init__(*args, **kwargs)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        self.losses.append(loss.item())
        return loss

    def _clip_grad_norm(self, model: Any) -> Any:
        self.norms.append([parameter.grad.norm().item() for parameter in model.parameters()])
        return super()._clip_grad_norm(model)


def samples(count: int = SAMPLES) -> list[dict[str, torch.Tensor]]:
    words = torch.randint(0, 20, (count, 6), generator=torch.Generator().manual_seed(3))
    return [{"input_ids": sample, "labels": sample[0] % 3} for sample in words]


def model() -> Any:
    torch.manual_seed(1)
    return BertForSequenceClassification(BERT)


def trainer(
    directory: Path, *callbacks: TrainerCallback, kind: type[Trainer] = Noting, count: int = SAMPLES, **arguments: Any
) -> Any:
    quiet = {"report_to": [], "disable_tqdm": True, "logging_strategy": "no", "save_strategy": "no"}
    batches = {"per_device_train_batch_size": BATCH, "num_train_epochs": 2}
    given = TrainingArguments(str(directory / "output"), use_cpu=True, **batches | quiet | arguments)
    made = kind(model(), given, train_dataset=samples(count), eval_dataset=samples(16), callbacks=list(callbacks))
    made.remove_callback(next(each for each in made.callback_handler.callbacks if "Printer" in type(each).__name__))
    return made


def approximately(values: Any) -> Any:
    return pytest.approx(np.asarray(values), rel=1e-4, abs=1e-7)


def test_every_step_is_reported_with_its_loss_and_its_norms_before_clipping(recording, tmp_path: Path) -> None:
    noting = trainer(tmp_path, Monitor(recording.run), max_grad_norm=0.01)
    noting.train()
    told = recording.told()
    assert told.steps() == list(range(1, 11))
    assert list(told.scalar("loss").values()) == approximately(noting.losses)
    assert np.sort(told.norms("gradient_norm")) == approximately(np.sort(noting.norms))
    assert told.scalar("learning_rate")[1] == pytest.approx(5e-5)
    assert told.scalar("learning_rate")[10] == pytest.approx(5e-6)
    assert told.order[-4:] == ["batch", "epoch_ended", "training_ended", "finish"]


def test_batches_that_are_accumulated_are_one_step(recording, tmp_path: Path) -> None:
    noting = trainer(tmp_path, Monitor(recording.run), gradient_accumulation_steps=2)
    noting.train()
    told = recording.told()
    first = [sum(noting.losses[:2]), sum(noting.losses[2:4]), noting.losses[4]]
    assert told.steps() == list(range(1, 7))
    assert list(told.scalar("loss").values())[:3] == approximately(first)
    assert np.sort(told.norms("gradient_norm")) == approximately(np.sort(noting.norms))


def test_the_loss_is_that_of_the_trainer_whatever_the_model_puts_out(recording, tmp_path: Path) -> None:
    """A loss function of one's own, smoothed labels, and a subclass with a loss of its own pass the model's by."""

    class Weighted(Noting):
        def compute_loss(self, model: Any, inputs: Any, **kwargs: Any) -> Any:
            return 7 * super().compute_loss(model, inputs, **kwargs)

    smoothing = trainer(tmp_path, Monitor(recording.run), kind=Weighted, label_smoothing_factor=0.1)
    smoothing.train()
    assert list(recording.told().scalar("loss").values()) == approximately(smoothing.losses)
    assert smoothing.losses[0] > 5


def test_evaluations_and_epochs_are_reported_where_they_happened(recording, tmp_path: Path) -> None:
    noting = trainer(tmp_path, Monitor(recording.run), eval_strategy="epoch")
    noting.train()
    measured = noting.evaluate()["eval_loss"]
    told = recording.told()
    assert list(told.scalar("val_loss")) == [5, 10]
    assert told.scalar("val_loss")[10] == pytest.approx(measured)
    assert not any(name in ("val_runtime", "val_samples_per_second") for name in scalars(told))
    ended = [event for event in told.events if event.HasField("epoch_ended")]
    assert [(event.step, event.epoch_ended.epoch) for event in ended] == [(5, 0), (10, 1)]
    assert told.order.index("epoch_ended") > told.order.index("batch") + 1  # the evaluation belongs to its epoch


def scalars(told: Told) -> set[str]:
    return {column.name for batch in told.batches for column in batch.scalars}


def test_what_the_trainer_knows_is_described(recording, tmp_path: Path) -> None:
    arguments = {"gradient_accumulation_steps": 2, "eval_strategy": "epoch", "max_grad_norm": 0.5}
    trainer(tmp_path, Monitor(recording.run), **arguments).train()
    description = recording.told().description
    training = description.training
    assert (training.batch_size, training.epochs, training.steps_per_epoch) == (2 * BATCH, 2, 3)
    assert training.validated
    assert (description.optimizer.name, description.optimizer.global_clipnorm) == ("adamw", 0.5)


def test_half_precision_is_watched_like_any_other(recording, tmp_path: Path) -> None:
    noting = trainer(tmp_path, Monitor(recording.run), bf16=True)
    noting.train()
    told = recording.told()
    assert list(told.scalar("loss").values()) == approximately(noting.losses)
    assert told.description.training.precision == "mixed_bfloat16"


def test_a_checkpoint_is_resumed_where_it_left_off(recording, tmp_path: Path) -> None:
    trainer(tmp_path, Monitor(recording.run), num_train_epochs=1, save_strategy="epoch").train()
    with paramedic.init("recording", id="resumed", mode="offline", spool_dir=tmp_path / "resumed") as run:
        trainer(tmp_path, Monitor(run), num_train_epochs=3).train(resume_from_checkpoint=True)
    assert recording.told().steps() == list(range(1, 6))
    (directory,) = (tmp_path / "resumed").glob("*/*")
    told = Told(directory)
    assert told.steps() == list(range(6, 16))
    assert [event.epoch_ended.epoch for event in told.events if event.HasField("epoch_ended")] == [1, 2]


def test_an_exception_is_reported_and_the_trainer_left_as_it_was(recording, tmp_path: Path) -> None:
    class Breaking(Noting):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            if len(self.losses) == 3:
                raise ArithmeticError("four is too many")
            return super().compute_loss(*args, **kwargs)

    breaking = trainer(tmp_path, Monitor(recording.run), kind=Breaking)
    with pytest.raises(ArithmeticError, match="four is too many"):
        breaking.train()
    assert "training_step" not in vars(breaking)
    assert not any(parameter._post_accumulate_grad_hooks for parameter in breaking.model.parameters())
    told = recording.told()
    assert told.error.kind == "ArithmeticError"
    assert told.steps() == [1, 2, 3]


def test_a_training_that_an_evaluation_ended_is_reported_when_the_next_begins(recording, tmp_path: Path) -> None:
    class Unlucky(Noting):
        def evaluate(self, *args: Any, **kwargs: Any) -> Any:
            raise OSError("no data")

    unlucky = trainer(tmp_path, Monitor(recording.run), kind=Unlucky, eval_strategy="epoch")
    with pytest.raises(OSError, match="no data"):
        unlucky.train()
    unlucky.args.eval_strategy = "no"
    unlucky.train()
    told = recording.told()
    assert told.error.kind == "TrainingAbandonedError"
    assert told.steps() == list(range(1, 16))
    assert list(told.scalar("loss").values()) == approximately(unlucky.losses)


def found(run: Any) -> TrainerCallback:
    class Finds(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 3:
                finding = Finding(rule="r", severity=SEVERITY_CRITICAL, change=FINDING_CHANGE_OPENED)
                run._findings.add(finding)

    return Finds()


@pytest.mark.parametrize(("stop_on", "steps"), [(None, 10), ("critical", 3)])
def test_a_finding_ends_the_training_when_it_is_severe_enough(stop_on: Any, steps: int, recording, tmp_path) -> None:
    trainer(tmp_path, found(recording.run), Monitor(recording.run, stop_on=stop_on)).train()
    assert recording.told().steps() == list(range(1, steps + 1))


def test_trainings_of_a_project_are_runs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMEDIC_MODE", "offline")
    monkeypatch.setenv("PARAMEDIC_SPOOL_DIR", str(tmp_path))
    monitor = Monitor(project="reviews", name="nightly")
    for _ in range(2):
        trainer(tmp_path, monitor, num_train_epochs=1).train()
    monitor._run.finish()
    runs = [Told(directory) for directory in (tmp_path / "reviews").iterdir()]
    assert [told.steps() for told in runs] == [list(range(1, 6))] * 2


def test_a_run_goes_on_as_its_next_attempt_from_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMEDIC_MODE", "offline")
    monkeypatch.setenv("PARAMEDIC_SPOOL_DIR", str(tmp_path / "spool"))
    first, second = Monitor(project="reviews"), Monitor(project="reviews")
    trainer(tmp_path, first, num_train_epochs=1, save_strategy="epoch").train()
    trainer(tmp_path, second).train(resume_from_checkpoint=True)
    second._run.finish()
    before, after = first._run.identity, second._run.identity
    assert (after.id, after.attempt) == (before.id, 1)
    assert Told(tmp_path / "spool" / "reviews" / f"{after.id}-1-0").steps() == list(range(6, 11))


def test_a_loss_that_is_no_number_arrives_as_it_is(recording, tmp_path: Path) -> None:
    """The trainer itself puts the mean of the losses before in its place."""

    class Ruined(Noting):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            return super().compute_loss(*args, **kwargs) * (math.nan if len(self.losses) == 2 else 1)

    trainer(tmp_path, Monitor(recording.run), kind=Ruined, num_train_epochs=1).train()
    assert [step for step, loss in recording.told().scalar("loss").items() if math.isnan(loss)] == [3, 4, 5]


def test_a_monitor_that_breaks_is_said_once_and_leaves_the_training_alone(
    recording, caplog, monkeypatch, tmp_path: Path
) -> None:
    monitor = Monitor(recording.run)
    monkeypatch.setattr(monitor, "_add_loss", lambda _: 1 / 0)
    noting = trainer(tmp_path, monitor)
    with caplog.at_level(logging.WARNING, "paramedic"):
        noting.train()
    assert len(noting.losses) == 10
    assert len([record for record in caplog.records if record.name == "paramedic"]) == 1


def left(directory: Path, callbacks: list[TrainerCallback], **arguments: Any) -> list[bytes]:
    """Everything a training leaves: weights, the optimizer's state, and random numbers."""
    torch.manual_seed(11)
    made = trainer(directory, *callbacks, kind=Trainer, count=60 * BATCH, **arguments)
    made.train()
    state = [value for each in made.optimizer.state.values() for value in each.values()]
    drawn = [torch.rand(1), torch.tensor(np.random.random())]
    return [tensor.detach().float().numpy().tobytes() for tensor in [*made.model.parameters(), *state, *drawn]]


MODES: dict[str, dict[str, Any]] = {
    "half precision": {"bf16": True},
    "accumulated, clipped and evaluated": {
        "gradient_accumulation_steps": 2,
        "num_train_epochs": 4,
        "max_grad_norm": 0.1,
        "eval_strategy": "epoch",
    },
}


@pytest.mark.parametrize("mode", MODES)
def test_training_leaves_the_same_bits_with_the_monitor(mode: str, recording, tmp_path: Path) -> None:
    bare = left(tmp_path, [], **MODES[mode])
    monitored = left(tmp_path, [Monitor(recording.run, every=5)], **MODES[mode])
    told = recording.told()
    assert len(told.scalar("loss")) == 120
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
    assert bare == monitored
