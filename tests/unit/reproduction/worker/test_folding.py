"""What comes of a training that is reported row by row."""

from math import inf, nan

import numpy as np
import pytest

from paramedic.v1.description_pb2 import OptimizerConfig, RunDescription, Tensor, TensorRole
from paramedic_service.reproduction.plan import SpecError
from paramedic_service.reproduction.worker.folding import Folding, untrained
from paramedic_service.rules.telemetry import Block, Column, Rows


def rows(losses, first=1, norms=None):
    steps = np.arange(first, first + len(losses))
    blocks = {} if norms is None else {"gradient_norm": Block(np.asarray(norms, np.float32))}
    return Rows(steps, steps.astype(float), {"loss": Column(np.array(losses, float))}, blocks)


def of(*losses):
    folding = Folding()
    folding.observe(rows(losses))
    return folding.outcome(2, 1, 3.5)


def test_an_outcome_says_of_which_training_it_is():
    outcome = of(1.0)
    assert (outcome.arm, outcome.seed, outcome.duration) == (2, 1, 3.5)


def test_the_final_loss_is_the_mean_over_the_last_tenth_of_the_steps():
    assert of(*range(40)).final_loss == pytest.approx(np.mean([36, 37, 38, 39]))
    assert of(3.0, 5.0).final_loss == 5


@pytest.mark.parametrize("last", [nan, inf])
def test_a_final_loss_that_is_no_number_is_infinite(last):
    assert of(*range(30), last).final_loss == inf
    assert Folding().outcome(0, 0, 0).final_loss == inf


def test_an_error_makes_the_loss_infinite_and_is_a_finding():
    folding = Folding()
    folding.observe(rows([1.0, 0.9]))
    folding.score(0.1)
    folding.fail(ValueError("Shapes do not match"))
    outcome = folding.outcome(0, 0, 0)
    assert outcome.error == "ValueError: Shapes do not match"
    assert outcome.final_loss == inf
    assert not outcome.HasField("final_error")
    assert [finding.rule for finding in outcome.findings] == ["training_error"]
    assert outcome.findings[0].opened_step == 2


def test_a_fault_is_found_with_its_cause_and_belongs_to_no_run():
    folding = Folding()
    folding.describe(RunDescription(optimizer=OptimizerConfig(name="adam", learning_rate=10.0)))
    folding.began()
    folding.observe(rows([1.0, 50.0, 1e4, nan, nan, nan]))
    outcome = folding.outcome(0, 0, 0)
    assert {"learning_rate_range", "nonfinite_loss"} <= {finding.rule for finding in outcome.findings}
    assert outcome.cause == "learning_rate_too_high"
    assert not any(finding.HasField("run") for finding in outcome.findings)


def test_what_a_fuller_description_took_back_is_no_finding():
    folding = Folding()
    folding.describe(RunDescription(optimizer=OptimizerConfig(name="adam", learning_rate=10.0)))
    folding.describe(RunDescription(optimizer=OptimizerConfig(name="adam", learning_rate=0.001)))
    assert list(folding.outcome(0, 0, 0).findings) == []


def test_curves_keep_extremes_and_a_few_kernels():
    names = [f"kernel_{number}" for number in range(20)]
    folding = Folding()
    folding.describe(
        RunDescription(
            tensors=[Tensor(name=name, element_count=1, role=TensorRole.TENSOR_ROLE_KERNEL) for name in names]
        )
    )
    losses = np.ones(3000)
    losses[1234] = 77
    folding.observe(rows(losses, norms=np.ones((3000, 20))))
    curves = {(curve.signal, curve.tensor): curve for curve in folding.outcome(0, 0, 0).curves}
    loss = curves["loss", ""]
    assert len(loss.steps) <= 200
    assert dict(zip(loss.steps, loss.values, strict=True))[1235] == 77
    assert curves["gradient_norm", ""].values[0] == pytest.approx(20**0.5)
    told = [tensor for signal, tensor in curves if tensor]
    assert len(told) == 6
    assert {"kernel_0", "kernel_19"} <= set(told)


def test_a_training_that_could_not_be_tried_has_an_error_and_no_findings():
    outcome = untrained(1, 2, SpecError("arms[1].patch", "there is no such layer"))
    assert (outcome.arm, outcome.seed, outcome.final_loss) == (1, 2, inf)
    assert outcome.error == "arms[1].patch: there is no such layer"
    assert not outcome.findings
