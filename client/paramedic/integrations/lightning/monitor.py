"""The callback."""

import importlib
import math
import re
import sys
from typing import Any

from paramedic.integrations.guarded import guarded
from paramedic.integrations.trainers.monitor import TrainerMonitor
from paramedic.v1.description_pb2 import OptimizerConfig, RunDescription, TrainingConfig

_VALIDATION = re.compile(r"val(?:id|idation)?[_/](?P<name>.+)")
_PRECISIONS = {
    "32-true": "float32",
    "64-true": "float64",
    "16-true": "float16",
    "bf16-true": "bfloat16",
    "16-mixed": "mixed_float16",
    "bf16-mixed": "mixed_bfloat16",
}


def _callback_class() -> Any:
    """The class of the package that is in use: the same code is published under two names, with a class for each."""
    names = ("lightning.pytorch", "pytorch_lightning")
    for name in names:
        if name in sys.modules:
            return sys.modules[name].Callback
    try:
        return importlib.import_module(names[0]).Callback
    except ModuleNotFoundError:
        return importlib.import_module(names[1]).Callback


class Monitor(TrainerMonitor, _callback_class()):  # type: ignore[misc]  # known when it runs
    """Reports every step of a fit: loss, learning rate, and the norms of gradients, weights and updates.

    Norms are measured on the device and wait there until they are fetched, many steps at a time; no step waits for
    them. The weights after training are the same, to the bit, as without the Monitor. Nothing that goes wrong in here
    reaches the training: it is logged once, and the fit goes on without being monitored.

    A step is one update by the optimizers. Norms are those of the gradients before they are clipped, and without the
    loss scale. The loss of a step is the mean over the batches that it accumulates. Where the optimization is manual,
    it is what `training_step` returns; where that is nothing, the loss of the step's last backward pass. What
    validation logs under a name that begins with "val_" or "val/" is reported as such; so is an exception that ends
    the fit.

    Example:
        >>> run = paramedic.init("digits")
        >>> trainer = lightning.Trainer(max_epochs=5, callbacks=[Monitor(run, stop_on="critical")])
        >>> trainer.fit(model, loader)
        >>> run.findings
    """

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins to watch the model; a checkpoint has been loaded by now."""
        self._processes, self._device = trainer.world_size, trainer.strategy.root_device
        self._fit_began(trainer, pl_module)

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        """Keeps the loss of a fit that optimizes by itself."""
        if not pl_module.automatic_optimization:
            self._keep_manual_loss(trainer, loss)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Reports the step, if that was one, and ends the fit if a finding says so."""
        self._batch_ended(trainer, outputs)
        if self._should_stop():
            trainer.should_stop = True

    @guarded
    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Reports what validation measured."""
        matches = ((_VALIDATION.fullmatch(name), value) for name, value in trainer.callback_metrics.items())
        self._validated({f"val_{match['name']}": value for match, value in matches if match is not None})

    @guarded
    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Reports the end of the epoch."""
        self._epoch_ended(trainer.current_epoch)

    @guarded
    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Reports the rest and leaves the model as it was."""
        self._end(None)

    @guarded
    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Reports what ended the fit."""
        self._end(exception)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds of the run."""
        return self._checkpoint()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Has the run of a checkpoint go on."""
        self._resume = state_dict

    @guarded
    def _fit_began(self, trainer: Any, pl_module: Any) -> None:
        self._steps = trainer.global_step
        self._manual_loss: Any = None
        self._accumulated = 0
        self._begin(
            pl_module,
            trainer.optimizers,
            trainer.global_rank,
            _description(trainer),
            step=self._steps,
            scaler=_scaler(trainer),
            wrapper=trainer.strategy.model,
        )

    @guarded
    def _keep_manual_loss(self, trainer: Any, loss: Any) -> None:
        loss = loss.detach()
        scaler = _scaler(trainer)
        if scaler is not None:  # it has been scaled by now; what one becomes is known without waiting for the device
            loss = loss / scaler.scale(loss.new_ones(()))
        self._manual_loss = loss

    @guarded
    def _batch_ended(self, trainer: Any, outputs: Any) -> None:
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if loss is None:
            loss, self._manual_loss = self._manual_loss, None
        if loss is not None:
            self._add_loss(loss.detach() if loss.requires_grad else loss)
            self._accumulated += 1
        # An update counts when Lightning has made it: which batches do is for the loop to say, and manual loops differ.
        steps = trainer.global_step
        if steps == self._steps:
            return
        self._steps = steps
        # Lightning divides each loss by the batches of a whole step; the last step of an epoch may have fewer.
        planned, accumulated = trainer.accumulate_grad_batches, self._accumulated
        self._accumulated = 0
        self._stepped(planned / accumulated if accumulated else 1.0)


def _scaler(trainer: Any) -> Any:
    return getattr(trainer.precision_plugin, "scaler", None)


def _description(trainer: Any) -> RunDescription:
    """What the trainer knows of its fit."""
    batches, accumulated = trainer.num_training_batches, trainer.accumulate_grad_batches
    training = TrainingConfig(
        validated=sum(trainer.num_val_batches) > 0,
        precision=_PRECISIONS.get(str(trainer.precision), ""),
        replicas=trainer.world_size if trainer.world_size > 1 else 0,
    )
    size = getattr(trainer.train_dataloader, "batch_size", None)
    if isinstance(size, int):
        training.batch_size = size * accumulated
    if (trainer.max_epochs or 0) > 0:
        training.epochs = trainer.max_epochs
    if math.isfinite(batches):
        training.steps_per_epoch = math.ceil(batches / accumulated)
    optimizer = OptimizerConfig()
    if trainer.gradient_clip_val:
        by_value = str(trainer.gradient_clip_algorithm).lower().endswith("value")
        setattr(optimizer, "clipvalue" if by_value else "global_clipnorm", float(trainer.gradient_clip_val))
    return RunDescription(training=training, optimizer=optimizer)
