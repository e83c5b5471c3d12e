"""The baselines fire on what they look for, at the step at which they would, and not otherwise."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from corpus.baselines import autotrainer, deepdiagnosis, sagemaker, umlaut
from corpus.telemetry import Telemetry
from paramedic_service.rules.description import ArrayProfile, Data, Description, Layer, Loss, Model, Optimizer, Tensor
from paramedic_service.rules.telemetry import Block, Column, Rows

STEPS = 100
EPOCH = 10
Array = npt.NDArray[Any]


def run(
    loss: Array | None = None,
    gradient: Array | None = None,
    accuracy: Array | None = None,
    validation: Array | None = None,
    **known: Any,
) -> Telemetry:
    steps = np.arange(1, STEPS + 1)
    ends = np.arange(EPOCH - 1, STEPS, EPOCH)
    scalars = {"loss": Column(np.exp(-steps / 20.0) if loss is None else loss)}
    if accuracy is not None:
        scalars["accuracy"] = Column(np.repeat(accuracy, EPOCH))
    if validation is not None:
        scalars["val_loss"] = Column(validation, ends)
    norms = np.full((STEPS, 2), 0.1, np.float32) if gradient is None else gradient
    blocks = {
        "gradient_norm": Block(norms),
        "weight_norm": Block(norms * 0 + 1),
        "update_norm": Block(norms * 0 + 0.01),
    }
    tensors = (Tensor("a", 100, "a", "kernel", (10, 10)), Tensor("b", 100, "b", "kernel", (10, 10)))
    return Telemetry(
        Description(tensors=tensors, **known),
        Rows(steps, steps * 0.1, scalars, blocks),
        tuple(steps[ends].tolist()),
        "",
    )


def names(alarms: list[Any]) -> dict[str, int]:
    return {alarm.name: alarm.step for alarm in alarms}


def from_step(value: float, step: int, column: int | slice = slice(None)) -> Array:
    norms = np.full((STEPS, 2), 0.1, np.float32)
    norms[step - 1 :, column] = value
    return norms


def test_sagemaker_judges_every_step() -> None:
    assert names(sagemaker.judge(run(gradient=from_step(1e-8, 31))))["VanishingGradient"] == 31
    assert names(sagemaker.judge(run(gradient=from_step(np.nan, 5))))["ExplodingTensor"] == 5
    assert names(sagemaker.judge(run(loss=np.ones(STEPS))))["LossNotDecreasing"] == 11


def test_leniency_moves_the_thresholds() -> None:
    vanishing = run(gradient=from_step(5e-7, 31))
    assert "VanishingGradient" in names(sagemaker.judge(vanishing))
    assert "VanishingGradient" not in names(sagemaker.judge(vanishing, 10.0))


def test_autotrainer_blames_gradients_only_while_the_accuracy_is_poor() -> None:
    vanishing = from_step(1e-6, 1, 0)
    poor, good = np.linspace(0.1, 0.4, 10), np.linspace(0.75, 0.95, 10)
    assert names(autotrainer.judge(run(gradient=vanishing, accuracy=poor))) == {"vanish": 40}
    assert names(autotrainer.judge(run(gradient=vanishing, accuracy=good))) == {}


def test_autotrainer_sees_slow_convergence_and_swings() -> None:
    assert names(autotrainer.judge(run(accuracy=np.full(10, 0.3)))) == {"not_converge": 40}
    swinging = np.array([0.5, 0.9, 0.7, 0.95, 0.7, 0.95, 0.7, 0.95, 0.7, 0.95])
    assert "unstable" in names(autotrainer.judge(run(accuracy=swinging)))


def test_deepdiagnosis_stops_at_its_first_problem() -> None:
    assert names(deepdiagnosis.judge(run(gradient=from_step(0.0, 25, 0)))) == {"Numerical error in delta weights": 30}
    assert names(deepdiagnosis.judge(run(loss=np.where(np.arange(STEPS) > 44, np.nan, 1.0)))) == {"Invalid loss": 50}
    assert names(deepdiagnosis.judge(run(loss=np.ones(STEPS)))) == {"Loss not decreasing": 50}
    assert names(deepdiagnosis.judge(run())) == {}


def test_deepdiagnosis_takes_a_linear_output_for_out_of_range() -> None:
    model = Model((Layer("d", "Dense", "linear", 10),))
    found = deepdiagnosis.judge(run(model=model, losses=(Loss("sparse_categorical_crossentropy"),)))
    assert names(found) == {"Out of range": 10}


@pytest.mark.parametrize(("rate", "said"), [(0.1, "Learning rate high"), (1e-9, "Learning rate low"), (1e-3, None)])
def test_umlaut_knows_one_range_of_learning_rates(rate: float, said: str | None) -> None:
    found = names(umlaut.judge(run(optimizer=Optimizer("adam", rate))))
    assert found == ({said: 0} if said else {})


def test_umlaut_takes_any_rise_of_the_validation_loss_for_overfitting() -> None:
    rising = np.array([1.0, 0.9, 0.91, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    assert names(umlaut.judge(run(validation=rising))) == {"Overfitting": 30}


def test_umlaut_wants_inputs_within_one() -> None:
    data = Data((ArrayProfile(dtype="float32", lowest=-3.0, highest=2.0),))
    assert names(umlaut.judge(run(data=data))) == {"Input not normalised": 0}
