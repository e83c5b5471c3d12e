"""What a program and a fault are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from corpus.programs.data import Array, Data
from corpus.programs.models import Builder

Split = Literal["tuning", "reporting", "seen"]
SPLITS: tuple[Split, ...] = get_args(Split)
HEALTHY = "healthy"


@dataclass(frozen=True, slots=True)
class Program:
    """Data, a model and a training of it that works.

    Attributes:
        id: Unique.
        split: Whether rules may be tuned on it, it is kept for the report, or it was and an earlier report was read.
        kind: Of the model: "mlp", "cnn", "lstm".
        summary: What it is, and what makes it easy to accuse wrongly.
        data: Makes the data from the generator of a seed.
        model: Makes the model.
        optimizer: Makes the optimizer.
        loss: Name of a loss, or what makes one.
        skill: Measures predictions against the truth.
        learns: Skill that a healthy training reaches at least.
        batch_size: Samples a step.
        epochs: Of the training.
        metrics: Beside the loss.
        validated: Whether held-out samples are evaluated each epoch.
        prepare: Done to the model before the training that is recorded.
        class_weights: Of the loss.
        policy: Numeric policy of Keras.
        feed: Makes what is given to fit from (data, batch size, epochs, generator); None: the arrays.
    """

    id: str
    split: Split
    kind: str
    summary: str
    data: Callable[[np.random.Generator], Data]
    model: Builder
    optimizer: Callable[[], Any]
    loss: str | Callable[[], Any]
    skill: Callable[[Array, Array], float]
    learns: float
    batch_size: int = 32
    epochs: int = 8
    metrics: tuple[str, ...] = ()
    validated: bool = False
    prepare: Callable[[Any, Data], None] | None = None
    class_weights: Mapping[int, float] | None = None
    policy: str = "float32"
    feed: Callable[[Data, int, int, np.random.Generator], Iterator[tuple[Any, Any]]] | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One edit of a program, and which causes name it rightly.

    Attributes:
        id: Names the kind of fault, the same in every program.
        program: Its healthy twin.
        causes: Ids of the causes that count as right, decided from the edit alone.
        edit: Fields of the program that it replaces.
        onset: Step before which nothing is wrong.
    """

    id: str
    program: Program
    causes: tuple[str, ...]
    edit: Mapping[str, Any] = field(default_factory=dict)
    onset: int = 0

    @property
    def edited(self) -> Program:
        """The program with the fault."""
        return replace(self.program, **self.edit)


def on_data(program: Program, change: Callable[[Data, np.random.Generator], Data]) -> dict[str, Any]:
    """Edit: the program's data, changed."""

    def data(generator: np.random.Generator) -> Data:
        return change(program.data(generator), generator)

    return {"data": data}


def ids(programs: Sequence[Program]) -> set[str]:
    """Ids of programs; each must be unique."""
    found = [program.id for program in programs]
    if len(set(found)) != len(found):
        raise ValueError(f"two programs have the same id: {sorted(found)}")
    return set(found)
