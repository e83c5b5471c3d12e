"""The callback."""

import math
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import transformers

from paramedic.integrations.guarded import guarded
from paramedic.integrations.trainers.monitor import TrainerMonitor
from paramedic.v1.description_pb2 import OptimizerConfig, RunDescription, TrainingConfig

_EVALUATION = "eval_"
_STATE = "paramedic"
"""Where a checkpoint's trainer_state.json tells of the run."""

_NOT_MEASURED = ("_runtime", "_per_second", "_time")
"""How names end of what an evaluation reports of its own speed."""


class Monitor(TrainerMonitor, transformers.TrainerCallback):  # type: ignore[misc]  # transformers is not read by mypy
    """Reports every step of a training: loss, learning rate, and the norms of gradients, weights and updates.

    Norms are measured on the device and wait there until they are fetched, many steps at a time; no step waits for
    them. The weights after training are the same, to the bit, as without the Monitor. Nothing that goes wrong in here
    reaches the training: it is logged once, and the training goes on without being monitored.

    A step is one update by the optimizer. Norms are those of the gradients before they are clipped, and without the
    loss scale. The loss is the one that was differentiated, of each step by itself, NaN included. What an evaluation
    measures as "eval_loss" is reported as "val_loss".

    An exception that ends the training is reported. The Trainer tells callbacks nothing of one, so the Monitor sees
    those that leave its `training_step`. One that is raised elsewhere, by the data or in an evaluation, is reported by
    the run when it ends the process or leaves the run's `with` block; where neither happens, the next training reports
    that the one before was abandoned.

    Example:
        >>> run = paramedic.init("reviews")
        >>> trainer = Trainer(model, arguments, train_dataset=reviews, callbacks=[Monitor(run, stop_on="critical")])
        >>> trainer.train()
        >>> run.findings
    """

    _trainer: Any = None
    _ended_epoch: int | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begins to watch the model; a checkpoint has been loaded by now."""
        self._processes, self._device = args.world_size, args.device
        self._training_began(args, state, kwargs["model"], kwargs["optimizer"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Reports the step, and ends the training if a finding says so."""
        self._step_ended()
        if self._should_stop():
            control.should_training_stop = True

    @guarded
    def on_evaluate(
        self, /, args: Any, state: Any, control: Any, metrics: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Reports what the evaluation measured."""
        self._validated(
            {
                f"val_{name.removeprefix(_EVALUATION)}": value
                for name, value in (metrics or {}).items()
                if name.startswith(_EVALUATION) and not name.endswith(_NOT_MEASURED)
            }
        )

    @guarded
    def on_epoch_begin(self, /, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Reports the end of the epoch before, whose evaluation is over by now."""
        self._report_epoch()

    @guarded
    def on_epoch_end(self, /, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Notes that the epoch is over, but for its evaluation."""
        self._ended_epoch = math.ceil(state.epoch) - 1

    @guarded
    def on_train_end(self, /, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Reports the rest and leaves the model as it was."""
        self._report_epoch()
        self._leave(None)

    @guarded
    def _training_began(self, args: Any, state: Any, model: Any, optimizer: Any) -> None:
        self._ended_epoch = None
        self._stop_listening()  # to a training that nobody told of its end
        self._resume = state.stateful_callbacks.get(_STATE)
        trainer = _calling_trainer(self)
        self._begin(
            model,
            getattr(optimizer, "optimizer", optimizer),  # from within accelerate's
            args.process_index,
            _description(args, state),
            step=state.global_step,
            scaler=getattr(optimizer, "scaler", None),
            wrapper=trainer.model_wrapped,
        )
        if self._project is not None:
            state.stateful_callbacks[_STATE] = self._checkpoint()
        self._listen(trainer)

    def _listen(self, trainer: Any) -> None:
        """Hears of every loss from the trainer's `training_step`.

        Callbacks are told of a mean over many steps at best, in which NaN does not count. The model's own output is
        not it either: a trainer may smooth labels, have a loss function of its own, or be a subclass that computes
        another loss. What `training_step` returns is what was differentiated, on the device and detached, as its share
        of the step: neither a hook on the model nor arithmetic is needed for it. The same place sees what it raises.
        """
        original = trainer.training_step

        def training_step(*args: Any, **kwargs: Any) -> Any:
            try:
                loss = original(*args, **kwargs)
            except BaseException as error:
                self._training_failed(error)
                raise
            self._batch_ended(loss)
            return loss

        self._trainer = trainer
        self._own_step = vars(trainer).get("training_step")
        trainer.training_step = self._stand_in = training_step

    @guarded
    def _batch_ended(self, loss: Any) -> None:
        self._add_loss(loss)

    @guarded
    def _step_ended(self) -> None:
        self._stepped()

    @guarded
    def _training_failed(self, error: BaseException) -> None:
        self._leave(error)

    def _report_epoch(self) -> None:
        if self._ended_epoch is not None:
            self._epoch_ended(self._ended_epoch)
            self._ended_epoch = None

    def _stop_listening(self) -> None:
        trainer, self._trainer = self._trainer, None
        if trainer is not None and vars(trainer).get("training_step") is self._stand_in:
            del trainer.training_step
            if self._own_step is not None:
                trainer.training_step = self._own_step

    def _leave(self, error: BaseException | None) -> None:
        self._stop_listening()
        self._end(error)


def _calling_trainer(callback: Any) -> Any:
    """Returns the trainer that calls its callbacks: they are handed its parts, but not itself.

    Raises:
        RuntimeError: There is none.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, transformers.Trainer) and callback in caller.callback_handler.callbacks:
            return caller
        frame = frame.f_back
    raise RuntimeError("the Monitor is no callback of a transformers.Trainer that is training")


def _description(args: Any, state: Any) -> RunDescription:
    """What the trainer knows of its training."""
    training = TrainingConfig(
        batch_size=args.train_batch_size * args.gradient_accumulation_steps,
        validated=str(getattr(args.eval_strategy, "value", args.eval_strategy)) != "no",
        precision="mixed_float16" if args.fp16 else "mixed_bfloat16" if args.bf16 else "",
        replicas=args.world_size if args.world_size > 1 else 0,
    )
    if state.num_train_epochs:
        training.epochs = state.num_train_epochs
        training.steps_per_epoch = math.ceil(state.max_steps / state.num_train_epochs)
    optimizer = OptimizerConfig()
    if args.max_grad_norm:
        optimizer.global_clipnorm = args.max_grad_norm
    return RunDescription(training=training, optimizer=optimizer)
