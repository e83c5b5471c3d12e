"""What records the steps of a model; each backend has one."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from paramedic.describe.keras import optimizers_of
from paramedic.integrations.keras.traced import Traced
from paramedic.integrations.recorded import Recorded


class Recorder(ABC):
    """A model's train function that records every step, as the model is compiled now.

    Attributes:
        model: The model.
        plain: Its own train function, which takes its place again when a fit is over.
        traced: What is known of the train step; None before it was called.
    """

    def __init__(
        self, model: Any, on_traced: Callable[[Traced], None], on_problem: Callable[[Exception], None]
    ) -> None:
        """Keeps how the model is compiled now.

        Args:
            model: A compiled keras.Model.
            on_traced: Told once what the steps consist of.
            on_problem: Told of what goes wrong in here, which the training never sees.
        """
        self.model = model
        self.plain = model.train_function
        self.traced: Traced | None = None
        self._on_traced = on_traced
        self._on_problem = on_problem
        self._optimizers = optimizers_of(model)

    def serves(self, model: Any) -> bool:
        """Whether it was built for this model as it is compiled now."""
        return self.model is model and self.plain is model.train_function and self._optimizers == optimizers_of(model)

    @abstractmethod
    def run(self, *arguments: Any) -> Any:
        """Runs what the model's own train function would, and records it."""

    @abstractmethod
    def fetch(self) -> Recorded | None:
        """Returns the steps since the last fetch; None when there were none."""

    @abstractmethod
    def first_batch(self) -> Any:
        """Returns samples of the first batch as the step was given them, numpy; None when there are none."""

    @abstractmethod
    def probed(self, batch: Any) -> Any:
        """Returns what a probe of the model takes: a batch, and weights where they are not in the model's variables."""
