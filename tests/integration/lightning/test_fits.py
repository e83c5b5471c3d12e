"""Fits of every shape, with the Monitor among their callbacks."""

import copy
import logging
import math
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import StochasticWeightAveraging
from lightning.pytorch.plugins import MixedPrecision
from torch.utils.data import DataLoader, TensorDataset

import paramedic
from paramedic.integrations.lightning import Monitor
from paramedic.v1.finding_pb2 import FINDING_CHANGE_OPENED, SEVERITY_CRITICAL, SEVERITY_WARNING, Finding
from support.spooled import Told

BATCH, BATCHES = 8, 5


class Classifier(lightning.LightningModule):
    """Two dense layers; keeps what each step's gradients were before they were clipped."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.layers = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
        self.losses: list[float] = []
        self.norms: list[list[float]] = []

    def loss(self, batch: Any) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        loss = self.loss(batch)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val/loss", self.loss(batch))

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        self.norms.append([parameter.grad.norm().item() for parameter in self.parameters()])

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), 0.01)


class Breaking(Classifier):
    """Raises in its fourth step."""

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        if batch_idx == 3:
            raise ArithmeticError("four is too many")
        return super().training_step(batch, batch_idx)


class Adversaries(Classifier):
    """Optimizes by itself: two optimizers, and a step that returns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        for optimizer in self.optimizers():
            loss = self.loss(batch)
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
        self.losses.append(loss.item())

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(layer.parameters(), 0.01) for layer in (self.layers[0], self.layers[2])]


def loader(batches: int = BATCHES) -> DataLoader:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(batches * BATCH, 6)).astype("float32"), rng.integers(0, 3, batches * BATCH)
    return DataLoader(TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=BATCH)


def trainer(*callbacks: Any, **arguments: Any) -> lightning.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    saved = {"enable_checkpointing": False} | quiet
    return lightning.Trainer(accelerator="cpu", callbacks=list(callbacks), **{"max_epochs": 2} | saved | arguments)


def approximately(values: Any) -> Any:
    return pytest.approx(np.asarray(values), rel=1e-4, abs=1e-7)


def test_every_step_is_reported_with_its_loss_and_its_norms_before_clipping(recording) -> None:
    model = Classifier()
    trainer(Monitor(recording.run), gradient_clip_val=0.01).fit(model, loader(), loader(2))
    told = recording.told()
    assert told.steps() == list(range(1, 11))
    assert list(told.scalar("loss").values()) == approximately(model.losses)
    assert told.norms("gradient_norm") == approximately(model.norms)
    assert set(told.scalar("learning_rate").values()) == {0.01}
    assert told.order[-4:] == ["batch", "epoch_ended", "training_ended", "finish"]


def test_validation_and_epochs_are_reported_where_they_happened(recording) -> None:
    fit = trainer(Monitor(recording.run))
    fit.fit(Classifier(), loader(), loader(2))
    told = recording.told()
    assert list(told.scalar("val_loss")) == [5, 10]
    assert told.scalar("val_loss")[10] == pytest.approx(fit.callback_metrics["val/loss"].item())
    ended = [event for event in told.events if event.HasField("epoch_ended")]
    assert [(event.step, event.epoch_ended.epoch) for event in ended] == [(5, 0), (10, 1)]


def test_batches_that_are_accumulated_are_one_step(recording) -> None:
    model = Classifier()
    trainer(Monitor(recording.run), accumulate_grad_batches=2).fit(model, loader())
    told = recording.told()
    first = [np.mean(model.losses[:2]), np.mean(model.losses[2:4]), model.losses[4]]
    assert told.steps() == list(range(1, 7))
    assert list(told.scalar("loss").values())[:3] == approximately(first)
    assert told.norms("gradient_norm") == approximately(model.norms)


def test_what_the_trainer_knows_is_described(recording) -> None:
    fit = trainer(Monitor(recording.run), accumulate_grad_batches=2, gradient_clip_val=0.5, precision="bf16-mixed")
    fit.fit(Classifier(), loader(), loader(2))
    description = recording.told().description
    training = description.training
    assert (training.batch_size, training.epochs, training.steps_per_epoch) == (2 * BATCH, 2, 3)
    assert (training.validated, training.precision) == (True, "mixed_bfloat16")
    assert (description.optimizer.name, description.optimizer.global_clipnorm) == ("adam", 0.5)


def test_the_scale_of_a_loss_is_no_part_of_its_norms(recording) -> None:
    model = Classifier()
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    precision = MixedPrecision("16-mixed", "cpu", scaler)
    trainer(Monitor(recording.run), plugins=[precision]).fit(model, loader())
    told = recording.told()
    assert list(told.scalar("loss").values()) == approximately(model.losses)
    assert told.norms("gradient_norm") == pytest.approx(np.array(model.norms), rel=1e-2, abs=1e-5)


def test_a_model_may_optimize_by_itself(recording) -> None:
    model = Adversaries()
    trainer(Monitor(recording.run)).fit(model, loader())
    told = recording.told()
    assert told.steps() == list(range(1, 11))
    assert list(told.scalar("loss").values()) == approximately(model.losses)


def test_a_checkpoint_is_resumed_where_it_left_off(recording, tmp_path: Path) -> None:
    first = trainer(Monitor(recording.run), max_epochs=1)
    first.fit(Classifier(), loader())
    first.save_checkpoint(tmp_path / "last.ckpt")
    with paramedic.init("recording", id="resumed", mode="offline", spool_dir=tmp_path / "resumed") as run:
        trainer(Monitor(run), max_epochs=3).fit(Classifier(), loader(), ckpt_path=tmp_path / "last.ckpt")
    assert recording.told().steps() == list(range(1, 6))
    (directory,) = (tmp_path / "resumed").glob("*/*")
    told = Told(directory)
    assert told.steps() == list(range(6, 16))
    assert [event.epoch_ended.epoch for event in told.events if event.HasField("epoch_ended")] == [1, 2]


def test_an_exception_is_reported_and_the_model_left_as_it_was(recording) -> None:
    model = Breaking()
    with pytest.raises(ArithmeticError, match="four is too many"):
        trainer(Monitor(recording.run)).fit(model, loader())
    assert not any(parameter._post_accumulate_grad_hooks for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    told = recording.told()
    assert told.error.kind == "ArithmeticError"
    assert told.steps() == [1, 2, 3]


@pytest.mark.parametrize(("severity", "steps"), [(SEVERITY_WARNING, 10), (SEVERITY_CRITICAL, 3)])
def test_a_finding_ends_the_fit_when_it_is_severe_enough(severity: Any, steps: int, recording) -> None:
    class Finds(lightning.Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == 3:
                recording.run._findings.add(Finding(rule="r", severity=severity, change=FINDING_CHANGE_OPENED))

    trainer(Finds(), Monitor(recording.run, stop_on="critical")).fit(Classifier(), loader())
    assert recording.told().steps() == list(range(1, steps + 1))


def test_fits_of_a_project_are_runs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMEDIC_MODE", "offline")
    monkeypatch.setenv("PARAMEDIC_SPOOL_DIR", str(tmp_path))
    monitor = Monitor(project="digits", name="nightly")
    for _ in range(2):
        trainer(monitor, max_epochs=1).fit(Classifier(), loader())
    monitor._run.finish()
    runs = [Told(directory) for directory in (tmp_path / "digits").iterdir()]
    assert [told.steps() for told in runs] == [list(range(1, 6))] * 2
    assert all(told.order[-1] == "finish" for told in runs)


def test_fits_of_one_run_follow_each_other(recording) -> None:
    for _ in range(2):
        trainer(Monitor(recording.run), max_epochs=1).fit(Classifier(), loader())
    assert recording.told().steps() == list(range(1, 11))


def test_a_model_is_copied_without_what_watches_it(recording) -> None:
    """An average of weights copies the model in the middle of the fit."""
    copies = []

    class Copies(lightning.Callback):
        def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
            copies.append(copy.deepcopy(pl_module.layers))

    average = StochasticWeightAveraging(0.01, swa_epoch_start=1)
    trainer(Copies(), average, Monitor(recording.run)).fit(Classifier(), loader())
    for layers in copies:
        layers(torch.ones(2, 6)).sum().backward()
        torch.optim.SGD(layers.parameters(), 0.1).step()
    assert len(recording.told().steps()) == 10


def test_a_monitor_that_breaks_is_said_once_and_leaves_the_fit_alone(recording, caplog, monkeypatch) -> None:
    monitor = Monitor(recording.run)
    monkeypatch.setattr(monitor, "_add_loss", lambda _: 1 / 0)
    model = Classifier()
    with caplog.at_level(logging.WARNING, "paramedic"):
        trainer(monitor).fit(model, loader())
    assert len(model.losses) == 10
    assert len([record for record in caplog.records if record.name == "paramedic"]) == 1


@pytest.mark.parametrize(
    "arguments", [{}, {"project": "p", "every": 0}, {"project": "p", "stop_on": "bad"}], ids=["run", "every", "stop_on"]
)
def test_arguments_that_make_no_sense_are_refused_at_once(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|either a run"):
        Monitor(**arguments)


def test_a_run_goes_on_as_its_next_attempt_from_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAMEDIC_MODE", "offline")
    monkeypatch.setenv("PARAMEDIC_SPOOL_DIR", str(tmp_path / "spool"))
    first, second = Monitor(project="digits"), Monitor(project="digits")
    fit = trainer(first, max_epochs=1)
    fit.fit(Classifier(), loader())
    fit.save_checkpoint(tmp_path / "last.ckpt")
    trainer(second, max_epochs=2).fit(Classifier(), loader(), ckpt_path=tmp_path / "last.ckpt")
    second._run.finish()
    before, after = first._run.identity, second._run.identity
    assert (after.id, after.attempt) == (before.id, 1)
    assert Told(tmp_path / "spool" / "digits" / f"{after.id}-1-0").steps() == list(range(6, 11))


def test_a_loss_that_is_no_number_arrives_as_it_is(recording) -> None:
    class Ruined(Classifier):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return super().training_step(batch, batch_idx) * (math.nan if batch_idx == 2 else 1)

    trainer(Monitor(recording.run), max_epochs=1).fit(Ruined(), loader())
    assert [step for step, loss in recording.told().scalar("loss").items() if math.isnan(loss)] == [3, 4, 5]
