"""Models of reports, really built: what Keras computes with the rebuilt one is what it computed with the first."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from corpus.catalogue import FAULTS, PROGRAMS
from paramedic.describe.keras import describe_training, model_config
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.plan import LayerPlan, Limits, ModelPlan, SpecError, kinds, operations, parts, plan
from paramedic_service.reproduction.plan.kinds_recurrent import CELLS
from paramedic_service.reproduction.plan.optimizers import OPTIMIZERS, SCHEDULES
from paramedic_service.reproduction.worker import build as building
from paramedic_service.reproduction.worker.build import build
from support.keras_models import MODELS

EDITED = {f"{fault.program.id}.{fault.id}": fault.edited for fault in FAULTS if "model" in fault.edit}
CORPUS = {program.id: program for program in PROGRAMS} | EDITED
OWN_CODE = {"markov-tied": "layers[9].kind"}
"""Programs of the corpus with layers of their own, and the field that says so."""


def described(model: Any, losses: Any = "mse") -> ReproductionSpec:
    """What a client reports of a model, without Keras's own serialisation."""
    model.compile("adam", losses)
    description = describe_training(model)
    description.model.framework_json = ""
    description.training.custom_step = False
    return ReproductionSpec(description=description)


def rebuilt(spec: ReproductionSpec) -> tuple[ModelPlan, Any]:
    """The plan of a model, and the model that is built of it."""
    planned = plan(spec, Limits()).arms[0].model
    return planned, build(planned)


def samples(model: Any) -> list[Any]:
    """Whole numbers that every model takes; sequences of any length have six steps."""
    generator = np.random.default_rng(0)
    return [
        generator.integers(0, 5, [3, *(size or 6 for size in given.shape[1:])]).astype(given.dtype)
        for given in model.inputs
    ]


def computed(model: Any, arrays: list[Any]) -> list[Any]:
    return keras.tree.flatten(model(arrays if len(arrays) > 1 else arrays[0], training=False))


def kinds_of(model: Any) -> list[str]:
    """Kinds of the layers, those of nested models in place, without inputs."""
    return sorted(layer.kind for layer in model_config(model).layers if layer.kind != "InputLayer")


@pytest.fixture(autouse=True)
def _fresh_names() -> None:
    keras.backend.clear_session()


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_a_rebuilt_model_computes_what_the_reported_one_did(make: Callable[[], Any]) -> None:
    model = make()
    planned, again = rebuilt(described(model, ["mse"] * len(model.outputs)))
    assert planned.parameters == again.count_params() == model.count_params()
    assert planned.output_shapes == tuple(
        tuple(-1 if size is None else size for size in output.shape) for output in again.outputs
    )
    assert kinds_of(again) == kinds_of(model)
    assert [v.shape for v in again.trainable_variables] == [v.shape for v in model.trainable_variables]
    again.set_weights(model.get_weights())
    arrays = samples(model)
    for before, after in zip(computed(model, arrays), computed(again, arrays), strict=True):
        np.testing.assert_allclose(before, after, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_the_plan_knows_the_shape_of_every_layer_before_it_is_built(make: Callable[[], Any]) -> None:
    model = make()
    planned, again = rebuilt(described(model, ["mse"] * len(model.outputs)))
    told = {layer.name: layer for layer in planned.layers if not layer.operation and not layer.shares}
    real = {layer.name: layer for layer in again.layers}
    for name, layer in told.items():
        place = real.get(name.replace("/", "_"))
        if place is not None and len(place._inbound_nodes) == 1:
            assert layer.output_shape == tuple(-1 if size is None else size for size in place.output.shape), name
            assert layer.parameters == place.count_params(), name


@pytest.mark.parametrize("name", CORPUS)
def test_every_model_of_the_corpus_is_built_as_it_was(name: str) -> None:
    program = CORPUS[name]
    keras.config.set_dtype_policy(program.policy)
    try:
        model = program.model()
        spec = described(model)
        own = OWN_CODE.get(name.split(".")[0])
        if own is not None:
            with pytest.raises(SpecError, match=own.replace("[", r"\[")):
                rebuilt(spec)
            return
        planned, again = rebuilt(spec)
    finally:
        keras.config.set_dtype_policy("float32")
    assert planned.parameters == again.count_params() == model.count_params()
    assert again.output_shape == model.output_shape
    assert kinds_of(again) == kinds_of(model)
    before = [(variable.shape, variable.dtype) for variable in model.trainable_variables]
    assert [(variable.shape, variable.dtype) for variable in again.trainable_variables] == before


def test_the_builder_has_a_class_for_everything_that_may_be_planned_and_nothing_else() -> None:
    assert set(building.LAYERS) == set(kinds.KINDS) | set(CELLS)
    known = {*parts.INITIALISERS, *parts.REGULARISERS, *parts.CONSTRAINTS, *parts.ACTIVATION_LAYERS}
    assert set(building.PARTS) == known
    assert set(building.OPERATIONS) == set(operations.OPERATIONS) - {"GetItem"}


def test_every_activation_and_optimizer_that_may_be_planned_is_one_of_keras() -> None:
    for name in parts.ACTIVATIONS:
        assert callable(keras.activations.get(name))
    classes = {name.lower() for name in dir(keras.optimizers)}
    assert set(OPTIMIZERS) <= classes
    assert set(SCHEDULES) <= set(dir(keras.optimizers.schedules))


def test_a_layer_begins_the_same_way_in_every_model_that_has_it() -> None:
    def two(units: int) -> ModelPlan:
        layers = (
            LayerPlan("input", "InputLayer", {"shape": (4,), "dtype": "float32"}),
            LayerPlan("same", "Dense", {"units": 3}, ("input",)),
            LayerPlan("other", "Dense", {"units": units}, ("same",)),
        )
        return ModelPlan(layers, ("other",), 0)

    first, second, third = build(two(2), 5), build(two(7), 5), build(two(2), 6)
    np.testing.assert_array_equal(first.get_weights()[0], second.get_weights()[0])
    assert not np.array_equal(first.get_weights()[0], third.get_weights()[0])


def test_names_that_keras_would_not_take_are_told_apart_without_what_offends_it() -> None:
    names = ("encoder/dense", "encoder_dense", "größe der schicht", "..", "λ")
    layers = [LayerPlan("input", "InputLayer", {"shape": (4,), "dtype": "float32"})]
    for name in names:
        layers.append(LayerPlan(name, "Dense", {"units": 4}, (layers[-1].name,)))
    model = build(ModelPlan(tuple(layers), (names[-1],), 0))
    built = [layer.name for layer in model.layers[1:]]
    assert len(set(built)) == len(names)
    assert all(name.isascii() and "/" not in name for name in built)
