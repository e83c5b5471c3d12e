"""TensorBoard's writer, as PyTorch has it: `from paramedic.adapters.tensorboard import SummaryWriter`."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import paramedic
from paramedic.adapters.rows import Rows
from paramedic.describe.settings import settings
from paramedic.run import Run


class SummaryWriter:
    """Takes the scalars of a training; each is a signal of a run.

    "Loss/train" is the loss, "Loss/val" the validation's, "lr" the learning rate, "grad_norm" the norm of all gradients
    together. What is no scalar (images, texts, histograms, graphs) is not for Paramedic, and passed over. Like a run, a
    writer raises nothing once it is made.

    Example:
        >>> writer = SummaryWriter(project="digits")
        >>> writer.add_scalar("Loss/train", 0.5, 1)
        >>> writer.close()
    """

    def __init__(
        self,
        log_dir: str | None = None,
        comment: str = "",
        *,
        project: str = "default",
        name: str | None = None,
        run: Run | None = None,
        **ignored: Any,
    ) -> None:
        """Begins a run.

        Args:
            log_dir: Names the run, where `name` does not; nothing is written there.
            comment: Put behind that name.
            project: Of the run.
            name: Of the run, for people.
            run: To report to, in place of one of its own; its owner finishes it.
            **ignored: What TensorBoard's writer takes besides, of its files.
        """
        self._owned = run is None
        self._run = paramedic.init(project, name or f"{log_dir or ''}{comment}" or None) if run is None else run
        self._rows = Rows(self._run)

    @property
    def run(self) -> Run:
        """The run that is reported to."""
        return self._run

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: int | None = None, *ignored: Any, **ignored_too: Any
    ) -> None:
        """Takes in a number: a tag, its value, and the step; None: the step of the latest value."""
        self._rows.add(tag, scalar_value, global_step)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: Mapping[str, Any], global_step: int | None = None, *ignored: Any
    ) -> None:
        """Takes in several numbers: "loss" of {"train": ..., "val": ...}."""
        for tag, value in tag_scalar_dict.items():
            self._rows.add(f"{main_tag}/{tag}", value, global_step)

    def add_hparams(self, hparam_dict: Mapping[str, Any], metric_dict: Mapping[str, Any], *ignored: Any) -> None:
        """Takes in the author's settings, and numbers at the end."""
        self._run.describe(config=settings(hparam_dict))
        for tag, value in metric_dict.items():
            self._rows.add(tag, value, None)

    def flush(self) -> None:
        """Logs the step that is being collected."""
        self._rows.flush()

    def close(self) -> None:
        """Logs the rest, and finishes the run that the writer began."""
        self._rows.flush()
        if self._owned:
            self._run.finish()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("add_"):
            return _pass_over
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._rows.flush()
        if error is not None:
            self._run.error(error)
        if self._owned:
            self._run.finish("finished" if error is None else "failed")


def _pass_over(*arguments: Any, **keywords: Any) -> None:
    """Stands for what adds something else than a scalar."""
