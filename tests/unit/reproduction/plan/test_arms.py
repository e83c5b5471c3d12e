"""Arms: what a patch changes of a plan, and what it leaves as it was."""

import math
from typing import Any

import pytest

from paramedic_service.reproduction.plan import ArmPlan, DataOperation, Limits, Part, plan, plan_workload
from support.specs import arm, layer, model, planned, refusal, spec, struct

STEPPED = {
    "class_name": "ExponentialDecay",
    "config": {"initial_learning_rate": 0.1, "decay_steps": 9, "decay_rate": 0.5},
}


def arms(**patch: Any) -> tuple[ArmPlan, ArmPlan]:
    """The training as reported, and patched; double underscores stand for dots."""
    reported, remedy = planned(None, arm({path.replace("__", "."): each for path, each in patch.items()}))
    assert remedy.error is None, remedy.error
    return reported, remedy


def kinds(plan: ArmPlan) -> list[str]:
    return [each.kind for each in plan.model.layers]


def test_without_arms_there_is_the_training_as_reported() -> None:
    result = plan(spec(), Limits())
    assert [(each.index, each.name, each.error) for each in result.arms] == [(0, "as reported", None)]
    assert (result.steps, result.seeds, result.title) == (50, (0, 1), "a small LSTM")
    assert result.arms[0].description is result.description


def test_steps_and_seeds_have_defaults_that_bounds_bound() -> None:
    message = spec()
    message.steps = message.seeds = 0
    assert (plan(message, Limits()).steps, plan(message, Limits()).seeds) == (300, (0, 1, 2))
    few = plan(message, Limits(steps=20, seeds=1))
    assert (few.steps, few.seeds) == (20, (0,))


def test_arms_that_differ_in_numbers_alone_share_their_structure() -> None:
    for patch in (
        {"optimizer__learning_rate": {"multiply": 0.1}},
        {"optimizer__global_clipnorm": {"set": 1.0}},
        {"optimizer__beta_1": {"set": 0.5}},
        {"data__inputs": {"standardise": True}},
        {"model.layers[lstm].kernel_initializer": {"set": "he_normal"}},
        {"model.layers[*].recurrent_initializer": {"set": "zeros"}},
    ):
        reported, remedy = arms(**patch)
        assert remedy.structure == reported.structure, patch
        assert remedy != reported


def test_arms_that_compute_something_else_do_not() -> None:
    seen = {arms(data__inputs={"clean": True})[0].structure}
    for patch in (
        {"optimizer__name": {"set": "sgd"}},
        {"optimizer__amsgrad": {"set": True}},
        {"training__batch_size": {"set": 64}},
        {"training__class_weights": {"set": "balanced"}},
        {"losses[0].from_logits": {"set": True}},
        {"losses[0].name": {"set": "mean_squared_error"}},
        {"model.layers[lstm].units": {"multiply": 2.0}},
        {"model.layers[lstm].activation": {"set": "relu"}},
        {"model.layers[*].kind": {"replace": {"LSTM": "GRU"}}},
        {"model.layers[lstm]": {"insert_after": {"kind": "LayerNormalization"}}},
        {"model.output": {"set": {"activation": "linear"}}},
        {"data__inputs": {"truncate": 5.0}},
    ):
        structure = arms(**patch)[1].structure
        assert structure not in seen, patch
        seen.add(structure)


def test_a_remedy_that_does_not_fit_says_so_and_leaves_the_others_alone() -> None:
    result = planned(None, arm({"model.layers[nowhere].units": {"set": 3.0}}, "bad"), arm({}, "good"))
    assert [each.error is None for each in result] == [True, False, True]
    assert result[1].error is not None
    assert result[1].error.field == "arms[1].patch"
    assert "there is no such layer" in str(result[1].error)


def test_a_remedy_that_is_too_large_names_what_is() -> None:
    error = refusal(spec(None, arm({"model.layers[lstm].units": {"multiply": 1_000.0}})))
    assert (error.field, "layers[0]" in error.reason) == ("arms[1].patch", True)


def test_layers_are_inserted_for_every_reader_and_removed() -> None:
    _, remedy = arms(**{"model.layers[lstm]": {"insert_after": {"kind": "Dropout"}}})
    assert kinds(remedy) == ["InputLayer", "LSTM", "Dropout", "Dense"]
    assert remedy.model.layers[2].arguments["rate"] == 0.5
    assert remedy.model.layers[3].inputs == ("lstm/dropout",)
    _, behind = arms(**{"model.layers[dense]": {"insert_after": {"kind": "Softmax"}}})
    assert behind.model.outputs == ("dense/softmax",)
    _, gone = arms(**{"model.layers[dense]": {"remove": True}})
    assert (kinds(gone), gone.model.outputs) == (["InputLayer", "LSTM"], ("lstm",))


def test_a_kind_that_is_replaced_keeps_the_settings_that_the_new_one_knows() -> None:
    described = model(
        layer("LSTM", "a", 4, unit_forget_bias=True, recurrent_activation="hard_sigmoid", dropout=0.1),
        layer("Dense", "b", 3),
    )
    patched = planned(described, arm({"model.layers[a].kind": {"set": "SimpleRNN"}}))[1]
    assert patched.error is None
    assert patched.model.layers[1].arguments == {"units": 4, "dropout": 0.1}


def test_what_is_set_on_a_wrapper_is_meant_for_the_layer_within() -> None:
    inner = {"class_name": "LSTM", "config": {"units": 4}}
    described = model(layer("Bidirectional", "a", layer=inner, backward_layer=inner), layer("Dense", "b", 3))
    patched = planned(described, arm({"model.layers[a].recurrent_initializer": {"set": "orthogonal"}}))[1]
    assert patched.error is None
    arguments = patched.model.layers[1].arguments
    for name in ("layer", "backward_layer"):
        assert arguments[name].arguments["recurrent_initializer"] == Part("Orthogonal")


def test_another_optimizer_begins_with_its_own_defaults() -> None:
    message = spec(None, arm({"optimizer.name": {"set": "sgd"}, "optimizer.momentum": {"set": 0.9}}))
    message.description.optimizer.settings.update({"epsilon": 1.0, "amsgrad": True, "weight_decay": 0.1})
    remedy = plan(message, Limits()).arms[1]
    assert remedy.error is None
    assert remedy.optimizer.arguments == {"momentum": 0.9, "weight_decay": 0.1}


def test_a_schedule_follows_the_learning_rate() -> None:
    message = spec(None, arm({"optimizer.learning_rate": {"multiply": 0.1}}))
    message.description.optimizer.schedule = "ExponentialDecay"
    message.description.optimizer.learning_rate = 0.1
    message.description.optimizer.settings.update({"learning_rate": STEPPED})
    reported, remedy = plan(message, Limits()).arms
    assert reported.optimizer.schedule is not None
    assert reported.optimizer.schedule.arguments["initial_learning_rate"] == 0.1
    assert remedy.optimizer.schedule is not None
    assert remedy.optimizer.schedule.arguments["initial_learning_rate"] == pytest.approx(0.01)
    assert remedy.structure == reported.structure


def test_the_model_reads_samples_of_the_shape_that_a_patch_gives_them() -> None:
    _, remedy = arms(data__inputs={"truncate": 4.0})
    assert remedy.model.inputs[0].arguments["shape"] == (4, 3)
    assert remedy.operations == (DataOperation("inputs", "truncate", 4),)
    _, reshaped = arms(data__inputs={"reshape": [15.0, 2.0]})
    assert reshaped.model.inputs[0].arguments["shape"] == (15, 2)
    assert reshaped.operations == (DataOperation("inputs", "reshape", (15, 2)),)


def test_a_model_that_never_fitted_its_samples_stays_as_it_is() -> None:
    message = spec(model(layer("LSTM", "lstm", 4), shape=(24, 1)), arm({"data.inputs": {"reshape": [24.0, 1.0]}}))
    del message.description.data.inputs[0].shape[:]
    message.description.data.inputs[0].shape.extend([-1, 2, 12])
    reported, remedy = plan(message, Limits()).arms
    assert reported.model.inputs[0].arguments["shape"] == remedy.model.inputs[0].arguments["shape"] == (24, 1)


def test_an_input_that_is_patched_is_taken_as_it_says() -> None:
    _, remedy = arms(**{"model.input": {"set": {"shape": [7.0, 2.0]}}, "data.inputs": {"truncate": 5.0}})
    assert remedy.model.inputs[0].arguments["shape"] == (7, 2)


def test_numbers_of_the_optimizer_and_the_loss_are_carried_over() -> None:
    message = spec()
    message.description.optimizer.clipnorm = 0.5
    message.description.losses[0].name = "huber_loss"
    message.description.losses[0].ClearField("from_logits")
    message.description.losses[0].settings.update({"delta": 2.0, "reduction": "sum"})
    message.description.losses[0].weight = 0.25
    only = plan(message, Limits()).arms[0]
    assert (only.optimizer.name, only.optimizer.learning_rate, only.optimizer.clipnorm) == ("adam", 0.001, 0.5)
    assert only.optimizer.arguments == {"beta_1": 0.9}
    assert (only.loss.name, only.loss.from_logits, only.loss.weight) == ("huber", None, 0.25)
    assert only.loss.arguments == {"delta": 2.0, "reduction": "sum"}
    assert (only.metrics, only.batch_size, only.class_weights) == (("accuracy",), 32, False)


def test_a_workloads_arms_replace_its_arguments() -> None:
    message = spec(None, arm({"rate": {"set": 0.1}}), arm({"cell": "lstm"}, "gated"), arm({"x": 1.0}, "unknown"))
    message.ClearField("description")
    message.workload = "tensorflow1-rnn"
    message.workload_arguments.CopyFrom(struct({"rate": 0.01, "cell": "rnn", "units": 8}))
    result = plan_workload(message, Limits())
    assert result.workload == "tensorflow1-rnn"
    assert result.arms[0].arguments == {"rate": 0.01, "cell": "rnn", "units": 8}
    assert result.arms[1].arguments["rate"] == 0.1
    assert result.arms[2].arguments["cell"] == "lstm"
    assert result.arms[3].error is not None
    assert "there are cell, rate, units" in str(result.arms[3].error)


FIELDS = (
    *(f"optimizer.{name}" for name in ("name", "learning_rate", "schedule", "clipnorm", "epsilon", "settings")),
    "optimizer.dynamic_loss_scale",
    *(f"training.{name}" for name in ("batch_size", "epochs", "class_weights", "metrics")),
    *(f"losses[0].{name}" for name in ("name", "output", "from_logits", "weight", "delta")),
    *(f"model.layers[*].{name}" for name in ("kind", "units", "activation", "frozen", "kernel_size", "name")),
    *("model.layers[conv]", "model.output", "model.input", "data.inputs", "data.targets"),
)  # fmt: skip
VALUES = (
    None, True, 0.0, -1.0, 2.0, 1.5, 1e308, math.nan, math.inf, "", "relu", "LSTM", [], [1.0], ["a"], {},
    {"a": 1.0}, [[]], {"kind": ["a"]}, {"shape": "a"}, {"units": []}, {"class_name": []}, {"relu": ["x"]},
    {"Conv1D": None},
)  # fmt: skip


@pytest.mark.parametrize(
    "word", ["set", "multiply", "replace", "insert_after", "remove", "truncate", "reshape", "encode", "x"]
)
@pytest.mark.parametrize("field", FIELDS)
def test_whatever_is_put_into_a_field_is_planned_or_told_as_the_arms_error(field: str, word: str) -> None:
    described = model(
        layer("Conv1D", "conv", 4, "relu", kernel_size=[3], padding="same"),
        layer("Flatten", "f"),
        layer("Dense", "d", 3),
    )
    remedies = [arm({field: {word: value}}, f"{place}") for place, value in enumerate(VALUES)]
    result = plan(spec(described, *remedies), Limits())
    assert [each.error.field for each in result.arms if each.error] == [
        f"arms[{each.index}].patch" for each in result.arms if each.error
    ]
