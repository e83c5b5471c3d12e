"""What a program does to weights is what Keras's own fit does."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from paramedic_service.reproduction.plan import OptimizerPlan, SpecError
from paramedic_service.reproduction.plan.optimizers import OPTIMIZERS
from paramedic_service.reproduction.plan.plans import Part
from paramedic_service.reproduction.worker.clipping import bounds_of
from paramedic_service.reproduction.worker.layout import Layout
from paramedic_service.reproduction.worker.learning_rates import learning_rates
from paramedic_service.reproduction.worker.models import Template
from paramedic_service.reproduction.worker.optimizers import functional, keras_optimizer, learning_rate
from paramedic_service.reproduction.worker.program import Inputs, Program, State

STEPS, BATCH = 12, 4
X = np.random.default_rng(0).normal(size=(STEPS * BATCH, 6)).astype("float32")
Y = np.random.default_rng(1).normal(size=(STEPS * BATCH, 2)).astype("float32")


def build() -> keras.Model:
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, "tanh", kernel_regularizer=keras.regularizers.L2(0.01)),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.ActivityRegularization(l2=0.01),
            keras.layers.Dense(2, kernel_constraint=keras.constraints.MaxNorm(0.8)),
        ]
    )


def fitted(plan: OptimizerPlan) -> list[np.ndarray]:
    model = build()
    model.compile(keras_optimizer(plan), "mse")
    model.fit(X, Y, batch_size=BATCH, shuffle=False, verbose=0)
    return [variable.numpy() for variable in model.variables]


def trained(plan: OptimizerPlan) -> list[np.ndarray]:
    model = build()
    model.compile("sgd", "mse")
    variables, layout = tuple(model.trainable_variables), Layout(model.trainable_variables)
    update = functional(keras_optimizer(plan), variables, layout)
    program = Program(Template(model, variables, (), layout, threading.Lock()), update, [])
    inputs = Inputs(
        (tf.constant(X),),
        (tf.constant(Y),),
        tf.ones(len(X)),
        tf.constant(np.arange(len(X), dtype=np.int32).reshape(STEPS, BATCH)),
        tf.constant(learning_rates(learning_rate(plan), STEPS)),
        bounds_of(plan),
        update.numbers,
    )
    weights = layout.join([variable.value for variable in variables])
    others = tuple(tf.convert_to_tensor(variable.value) for variable in model.non_trainable_variables)
    state = State(weights, others, update.begin(weights))
    for done, count in ((0, 5), (5, STEPS - 5)):
        state, rows = program.train(state, inputs, done, count)
        assert rows.shape == (count, 1 + 4 * len(variables))
    held = dict(zip(map(id, variables), layout.tensors(state.weights), strict=True))
    held |= dict(zip(map(id, model.non_trainable_variables), state.others, strict=True))
    return [held[id(variable)].numpy() for variable in model.variables]


def the_same(plan: OptimizerPlan) -> None:
    ours, keras_own = trained(plan), fitted(plan)
    for mine, theirs in zip(ours, keras_own, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_optimizer_does_what_keras_does(name):
    the_same(OptimizerPlan(name, 0.01))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
        ("rmsprop", {"rho": 0.8, "momentum": 0.5, "centered": True, "epsilon": 1e-3}),
        ("adam", {"beta_1": 0.5, "beta_2": 0.9, "amsgrad": True, "epsilon": 0.1}),
        ("adamw", {"weight_decay": 0.3}),
        ("adagrad", {"initial_accumulator_value": 0.5}),
        ("lion", {"weight_decay": 0.2}),
    ],
)
def test_numbers_and_flags_of_an_optimizer_count_as_in_keras(name, arguments):
    the_same(OptimizerPlan(name, 0.02, arguments=arguments))


@pytest.mark.parametrize("bound", [{"clipnorm": 0.05}, {"clipvalue": 0.01}, {"global_clipnorm": 0.1}])
def test_gradients_are_clipped_as_in_keras(bound):
    the_same(OptimizerPlan("sgd", 0.5, **bound))


@pytest.mark.parametrize(
    "schedule",
    [
        Part(
            "ExponentialDecay", {"initial_learning_rate": 0.5, "decay_steps": 3, "decay_rate": 0.5, "staircase": True}
        ),
        Part("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 6, "warmup_target": 0.4, "warmup_steps": 4}),
        Part("PiecewiseConstantDecay", {"boundaries": (3, 7), "values": (0.5, 0.2, 0.1)}),
    ],
    ids=lambda schedule: schedule.kind,
)
def test_the_learning_rate_follows_a_schedule_as_in_keras(schedule):
    the_same(OptimizerPlan("sgd", 0.5, schedule))


def test_an_optimizer_that_gathers_gradients_over_steps_is_refused_by_the_name_of_its_argument():
    with pytest.raises(SpecError, match=r"optimizer\.settings\.gradient_accumulation_steps"):
        keras_optimizer(OptimizerPlan("sgd", 0.1, arguments={"gradient_accumulation_steps": 2}))
