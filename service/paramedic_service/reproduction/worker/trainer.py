"""Trains the arms of a plan, those of one structure by one program."""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from paramedic.describe.keras import loss_configs, model_config, optimizer_config
from paramedic.v1.description_pb2 import RunDescription, TrainingConfig
from paramedic.v1.reproduction_pb2 import TrainingOutcome
from paramedic_service.reproduction.plan import ArmPlan, SpecError
from paramedic_service.reproduction.worker.arrays import Arrays
from paramedic_service.reproduction.worker.clipping import bounds_of
from paramedic_service.reproduction.worker.folding import Folding, untrained
from paramedic_service.reproduction.worker.learning_rates import learning_rates
from paramedic_service.reproduction.worker.metrics import Metric, metrics_of
from paramedic_service.reproduction.worker.models import Beginning, Template, beginning_of, template_of
from paramedic_service.reproduction.worker.optimizers import functional, keras_optimizer, key_of, learning_rate
from paramedic_service.reproduction.worker.order import batches
from paramedic_service.reproduction.worker.probing import Probes
from paramedic_service.reproduction.worker.program import Inputs, Program, State
from paramedic_service.reproduction.worker.training import Advance, Shared, Training


@dataclass(frozen=True, slots=True)
class _Begun:
    """What arms with one model begin a seed with.

    Attributes:
        beginning: Weights.
        description: Of model, losses and tensors.
    """

    beginning: Beginning
    description: RunDescription


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A program with the model that it was made of."""

    shared: Shared
    template: Template


class Trainer:
    """Trains arms and seeds in any order, by several threads if that is wanted, and keeps what they have in common.

    Args:
        steps: Optimizer steps a training.
        folding: Makes what judges a training.
    """

    def __init__(self, steps: int, folding: Callable[[], Folding] = Folding) -> None:
        self._steps = steps
        self._folding = folding
        self._lock = threading.Lock()
        self._begun: dict[int, dict[str, _Begun]] = {}
        self._compiled: dict[Hashable, _Compiled] = {}

    @property
    def programs(self) -> int:
        """Structures that were met so far, each of which is compiled once."""
        return len(self._compiled)

    def train(self, arm: ArmPlan, seed: int, arrays: Arrays, advance: Advance) -> TrainingOutcome:
        """Trains one arm from one seed.

        Args:
            arm: It.
            seed: Of weights, order of samples and what layers draw.
            arrays: Samples, after the arm's operations.
            advance: Told of the steps that are done.

        Returns:
            What came of it; what the training raised is told in it.

        Raises:
            MemoryError: There is not enough of it.
        """
        if arm.error is not None:
            return untrained(arm.index, seed, arm.error)
        began = time.perf_counter()
        folding = self._folding()
        try:
            self._train(arm, seed, arrays, folding, advance)
        except SpecError as error:
            return untrained(arm.index, seed, error)
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(error.message) from error
        except MemoryError:
            raise
        except Exception as error:  # whatever a training raises is what came of it
            folding.fail(error)
        return folding.outcome(arm.index, seed, time.perf_counter() - began)

    def _train(self, arm: ArmPlan, seed: int, arrays: Arrays, folding: Folding, advance: Advance) -> None:
        folding.assume(arm.description)
        optimizer = keras_optimizer(arm.optimizer)
        begun = self._begin(arm, seed)
        batch = min(arm.batch_size, arrays.count)
        epoch = arrays.count // batch
        validated = arm.description.training is not None and arm.description.training.validated
        description = RunDescription(
            optimizer=optimizer_config(optimizer),
            training=TrainingConfig(
                batch_size=batch,
                epochs=-(-self._steps // epoch),
                steps_per_epoch=epoch,
                metrics=arm.metrics,
                validated=validated,
                precision=arm.model.precision,
                weighted=arm.class_weights,
            ),
            data=arrays.profile,
        )
        description.MergeFrom(begun.description)
        folding.describe(description)
        folding.began()
        compiled = self._compile(arm, optimizer, arrays)
        update = functional(optimizer, compiled.template.variables, compiled.template.layout)
        rates = learning_rates(learning_rate(arm.optimizer), self._steps)
        inputs = Inputs(
            x=arrays.x,
            y=arrays.y,
            sample_weights=arrays.sample_weights(arm.class_weights),
            order=tf.constant(batches(arrays.count, batch, self._steps, seed)),
            rates=tf.constant(rates),
            bounds=bounds_of(arm.optimizer),
            numbers=update.numbers,
        )
        weights, others = begun.beginning
        training = Training(compiled.shared, inputs, rates, epoch, arrays, validated, folding, advance)
        training.run(State(weights, others, update.begin(weights)))

    def _begin(self, arm: ArmPlan, seed: int) -> _Begun:
        key = repr((arm.model, arm.losses))
        with self._lock:
            if seed not in self._begun:
                self._begun = {seed: {}}  # seeds come one after another, and weights can be large
            if key not in self._begun[seed]:
                template = template_of(arm.model, arm.losses, seed)
                description = RunDescription(
                    model=model_config(template.model),
                    losses=loss_configs(template.model),
                    tensors=template.table,
                )
                self._begun[seed][key] = _Begun(beginning_of(template), description)
            return self._begun[seed][key]

    def _compile(self, arm: ArmPlan, optimizer: Any, arrays: Arrays) -> _Compiled:
        key = arm.structure, arm.metrics, key_of(optimizer), arrays.specification
        with self._lock:
            if key not in self._compiled:
                template = template_of(arm.model, arm.losses, seed=0)
                metrics = _metrics(arm, template, arrays)
                update = functional(keras_optimizer(arm.optimizer), template.variables, template.layout)
                shared = Shared(
                    program=Program(template, update, metrics),
                    probes=Probes(template),
                    metrics=tuple(metric.name for metric in metrics),
                    from_logits=tuple(bool(loss.from_logits) for loss in arm.losses),
                )
                self._compiled[key] = _Compiled(shared, template)
            return self._compiled[key]


def _metrics(arm: ArmPlan, template: Template, arrays: Arrays) -> list[Metric]:
    shapes = template.output_shapes
    if len(shapes) != 1 or len(arrays.y) != 1:
        return []
    return metrics_of(arm.metrics, arrays.y[0].shape, shapes[0])
