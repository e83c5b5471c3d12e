"""Trainings of TensorFlow 1, watched, and what a plain look at them gives.

A process of its own: `python -m support.tensorflow1_sessions DIRECTORY` leaves a recording of each below the directory,
in a folder of its name, and in results.json what else is to be known.
"""

import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # the cells of TensorFlow 1 exist only with it

import numpy as np
import tensorflow as tf

import paramedic
from paramedic.integrations.tensorflow1 import MonitorHook, watch
from paramedic.integrations.watch import Watch

tf1 = tf.compat.v1
cells = tf1.nn.rnn_cell

BATCH = 16
ONE_THREAD = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)


class Trainings:
    """Runs that are recorded below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.results: dict[str, Any] = {}

    def run(self, name: str) -> paramedic.Run:
        return paramedic.init("tensorflow1", id="run", mode="offline", spool_dir=self.directory / name)


def fed(step: int, graph: Any) -> dict[Any, np.ndarray]:
    """Numbers for every placeholder of a graph, the same in every run of a step."""
    generator = np.random.default_rng(step)
    feed = {}
    for operation in graph.get_operations():
        if operation.type == "Placeholder":
            tensor = operation.outputs[0]
            shape = [BATCH if size is None else size for size in tensor.shape.as_list()]
            whole = tensor.dtype.is_integer
            feed[tensor] = generator.integers(0, 3, shape) if whole else generator.normal(size=shape)
    return feed


def lstm() -> Any:
    x, y = tf1.placeholder(tf.float32, [None, 7, 3]), tf1.placeholder(tf.float32, [None, 1])
    lengths = tf.constant([3, 7] * (BATCH // 2))
    layers = [cells.LSTMCell(6), cells.DropoutWrapper(cells.LSTMCell(5), output_keep_prob=0.8)]
    # Random numbers in a loop go to its time steps as these happen to run; one after another, that is always the same.
    outputs, _ = tf1.nn.dynamic_rnn(
        cells.MultiRNNCell(layers), x, sequence_length=lengths, dtype=tf.float32, parallel_iterations=1
    )
    return tf.reduce_mean(tf.square(tf1.layers.dense(outputs[:, -1], 1) - y))


def convolutional() -> Any:
    x, y = tf1.placeholder(tf.float32, [None, 8, 8, 2]), tf1.placeholder(tf.int32, [None])
    hidden = tf1.layers.conv2d(x, 4, 3, activation=tf.nn.relu)
    hidden = tf1.layers.flatten(tf1.layers.batch_normalization(tf1.layers.max_pooling2d(hidden, 2, 2), training=True))
    logits = tf1.layers.dense(tf.nn.dropout(hidden, rate=0.2), 3)
    return tf1.losses.sparse_softmax_cross_entropy(y, logits) + 0.01 * tf.nn.l2_loss(tf1.trainable_variables()[0])


def embedding() -> Any:
    words, y = tf1.placeholder(tf.int32, [None, 6]), tf1.placeholder(tf.float32, [None, 1])
    vectors = tf.nn.embedding_lookup(tf1.get_variable("embedding", [9, 4]), words)
    outputs, _ = tf1.nn.static_rnn(cells.GRUCell(5), tf.unstack(vectors, axis=1), dtype=tf.float32)
    logits = tf1.layers.dense(outputs[-1], 1)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.round(tf.sigmoid(y)), logits=logits))


Optimizer = Callable[[], Any]
IDENTITY: dict[str, tuple[Callable[[], Any], Optimizer, bool]] = {
    "lstm": (lstm, lambda: tf1.train.AdamOptimizer(0.01), False),
    "convolutional": (convolutional, lambda: tf1.train.MomentumOptimizer(0.05, 0.9), True),
    "embedding": (embedding, lambda: tf1.train.AdamOptimizer(0.01), True),
}
"""By name: loss, optimizer, whether variables are of the newer kind."""


def identity(name: str, run: paramedic.Run | None) -> list[str]:
    """What 110 steps leave: variables, the optimizer's among them, and the next random numbers of all kinds."""
    build, optimizer, resource = IDENTITY[name]
    (tf1.enable_resource_variables if resource else tf1.disable_resource_variables)()
    with tf1.Graph().as_default() as graph:
        tf1.set_random_seed(5)
        random.seed(5)
        np.random.seed(5)
        loss = build()
        gradients, variables = zip(*optimizer().compute_gradients(loss), strict=True)
        clipped, _ = tf.clip_by_global_norm(gradients, 0.1)
        step = tf1.train.get_or_create_global_step()
        with tf1.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
            train = optimizer().apply_gradients(zip(clipped, variables, strict=True), global_step=step)
        drawn, everything = tf1.random_normal([3]), tf1.global_variables()
        with tf1.Session(config=ONE_THREAD) as session:
            session.run(tf1.global_variables_initializer())
            if run is not None:
                watch(run, session)
            for number in range(110):
                session.run([train, loss], fed(number, graph))
            left = [*session.run(everything), session.run(drawn), np.array([random.random(), np.random.random()])]
    return [value.tobytes().hex() for value in left]


def regression(rows: bool = False) -> tuple[Any, Any]:
    """A loss, and what is fed for it beside the targets: numbers, or rows of a table."""
    if rows:
        words, y = tf1.placeholder(tf.int32, [None, 4]), tf1.placeholder(tf.float32, [None])
        table = tf1.Variable(np.linspace(-1, 1, 15).reshape(5, 3).astype("f"), name="table")
        hidden = tf.reduce_sum(tf.nn.embedding_lookup(table, words), 1)
    else:
        hidden, y = tf1.placeholder(tf.float32, [None, 3]), tf1.placeholder(tf.float32, [None])
    weights = tf1.Variable(np.array([[0.5], [-1.0], [2.0]], "f"), name="weights")
    bias = tf1.Variable(np.zeros(1, "f"), name="bias")
    error = tf1.check_numerics((tf.matmul(hidden, weights) + bias)[:, 0] - y, "the error")
    return tf.reduce_mean(tf.square(error)), tf1.trainable_variables()


CLIPPED: dict[str, Callable[[Any], Any]] = {
    "plain": lambda gradients: gradients,
    "by_norm": lambda gradients: [tf.clip_by_norm(each, 0.01) for each in gradients],
    "by_value": lambda gradients: [tf.clip_by_value(each, -0.001, 0.001) for each in gradients],
    "by_global_norm": lambda gradients: tf.clip_by_global_norm(gradients, 0.01)[0],
}
NORMS: dict[str, tuple[Optimizer, str, bool]] = {
    **{f"sgd_{name}": (lambda: tf1.train.GradientDescentOptimizer(0.1), name, False) for name in CLIPPED},
    "rmsprop": (lambda: tf1.train.RMSPropOptimizer(0.1), "plain", False),
    "rows_sgd": (lambda: tf1.train.GradientDescentOptimizer(0.01), "plain", True),
    "rows_adam": (lambda: tf1.train.AdamOptimizer(0.1), "by_global_norm", True),
}
"""By name: optimizer, clipping, and whether gradients are rows of a table."""


def norms(name: str, run: paramedic.Run) -> dict[str, Any]:
    """What looking before and after each step gives."""
    optimizer, clipping, rows = NORMS[name]
    with tf1.Graph().as_default() as graph:
        loss, variables = regression(rows)
        exact = [tf.convert_to_tensor(each) for each in tf1.gradients(loss, variables)]
        made = optimizer()
        pairs = made.compute_gradients(loss)
        train = made.apply_gradients(zip(CLIPPED[clipping]([each for each, _ in pairs]), variables, strict=True))
        return measured(graph, run, train, loss, exact, variables)


def scaled(run: paramedic.Run) -> dict[str, Any]:
    """The same of a loss that is scaled."""
    with tf1.Graph().as_default() as graph:
        loss, variables = regression()
        exact = tf1.gradients(loss, variables)
        inner = tf1.train.GradientDescentOptimizer(0.1)
        train = tf1.train.experimental.MixedPrecisionLossScaleOptimizer(inner, "dynamic").minimize(loss)
        return measured(graph, run, train, loss, exact, variables)


def measured(
    graph: Any, run: paramedic.Run, train: Any, loss: Any, gradients: list[Any], variables: list[Any]
) -> dict[str, Any]:
    rows: dict[str, list[Any]] = {"loss": [], "gradient_norm": [], "weight_norm": [], "update_norm": []}
    with tf1.Session(config=ONE_THREAD) as session:
        session.run(tf1.global_variables_initializer())
        watch(run, session, every=3)
        for number in range(7):
            feed = fed(number, graph)
            now, exact, before = session.run([loss, gradients, variables], feed)
            session.run(train, feed)
            after = session.run(variables)
            rows["loss"].append(float(now))
            rows["gradient_norm"].append([float(np.linalg.norm(each)) for each in exact])
            rows["weight_norm"].append([float(np.linalg.norm(each)) for each in before])
            rows["update_norm"].append(
                [float(np.linalg.norm(new - old)) for new, old in zip(after, before, strict=True)]
            )
    return rows | {"variables": [variable.op.name for variable in variables]}


def other_runs(run: paramedic.Run) -> dict[str, Any]:
    """What the session is asked for, where every other run trains and the others only look."""
    asked: list[Any] = []
    with tf1.Graph().as_default() as graph:
        loss, variables = regression()
        rate = tf1.placeholder(tf.float32, [])
        train = tf1.train.GradientDescentOptimizer(rate).minimize(loss)
        with tf1.Session(config=ONE_THREAD) as session:
            session.run(tf1.global_variables_initializer())
            own = session.run
            vars(session)["run"] = lambda fetches, *more: (asked.append(fetches), own(fetches, *more))[1]
            looking = watch(run, session, loss)
            look = {"loss": loss, "more": (variables[0], [variables[1].op.name + ":0"])}
            kinds = []
            for number in range(5):
                feed = fed(number, graph)
                session.run([train], feed | {rate: 0.1})
                looking.log(accuracy=number / 10)
                if number == 3:
                    looking.log(loss=7.0)
                del feed[rate]
                seen = session.run(look, feed)
                kinds.append([type(seen).__name__, type(seen["more"]).__name__, type(seen["more"][1]).__name__])
            looking.epoch_ended(val_loss=0.5)
            looking.remove()
            session.run(train, feed | {rate: 0.1})
            shape = type(session.run((train, loss), feed | {rate: 0.1})).__name__
    untouched = sum(fetches is look for fetches in asked)
    return {"untouched": untouched, "kinds": kinds, "shape": shape, "last": asked[-2] is train}


def in_turn(run: paramedic.Run) -> dict[str, Any]:
    """Two optimizers, the first of which makes two steps for each of the other."""
    with tf1.Graph().as_default() as graph:
        noise, real = tf1.placeholder(tf.float32, [None, 2]), tf1.placeholder(tf.float32, [None, 3])
        with tf1.variable_scope("generator"):
            made = tf1.layers.dense(noise, 3)
        with tf1.variable_scope("critic", reuse=tf1.AUTO_REUSE):
            true, false = (tf1.layers.dense(each, 1, name="out") for each in (real, made))
        critic_loss = tf.reduce_mean(tf.nn.softplus(-true)) + tf.reduce_mean(tf.nn.softplus(false))
        optimizer = tf1.train.AdamOptimizer(0.01)
        critic = optimizer.minimize(critic_loss, var_list=tf1.trainable_variables("critic"), name="TrainCritic")
        generator = optimizer.minimize(
            tf.reduce_mean(tf.nn.softplus(-false)), var_list=tf1.trainable_variables("generator"), name="TrainGenerator"
        )
        with tf1.Session(config=ONE_THREAD) as session:
            session.run(tf1.global_variables_initializer())
            watch(run, session)
            for number in range(10):
                session.run(critic, fed(number, graph))
                session.run(critic, fed(number + 100, graph))
                session.run(generator, fed(number, graph))
    return {}


def hooked(trainings: Trainings, name: str, steps: int) -> None:
    """A session with hooks, which goes on where its checkpoint left off."""
    with tf1.Graph().as_default():
        data = tf1.data.make_one_shot_iterator(
            tf1.data.Dataset.from_tensor_slices(np.random.default_rng(0).normal(size=(steps * BATCH, 3)).astype("f"))
            .batch(BATCH)
            .map(lambda rows: (rows, tf.reduce_sum(rows, 1)))
        )
        x, y = data.get_next()
        loss = tf.reduce_mean(tf.square(tf1.layers.dense(x, 1)[:, 0] - y))
        train = tf1.train.AdagradOptimizer(0.1).minimize(loss, global_step=tf1.train.get_or_create_global_step())
        run = trainings.run(name)
        hook = MonitorHook(run)
        checkpoints = str(trainings.directory / "checkpoints")
        with tf1.train.MonitoredTrainingSession(
            hooks=[hook], checkpoint_dir=checkpoints, log_step_count_steps=None, config=ONE_THREAD
        ) as session:
            while not session.should_stop():
                session.run(train)
        run.finish()


def failing(run: paramedic.Run) -> dict[str, Any]:
    """A training whose input breaks in its third step, and goes on after that."""
    with tf1.Graph().as_default() as graph:
        loss, _ = regression()
        train = tf1.train.GradientDescentOptimizer(0.1).minimize(loss)
        raised = ""
        with tf1.Session(config=ONE_THREAD) as session:
            session.run(tf1.global_variables_initializer())
            watch(run, session)
            for number in range(4):
                feed = fed(number, graph)
                if number == 2:
                    feed = {tensor: values * np.nan for tensor, values in feed.items()}
                try:
                    session.run(train, feed)
                except tf.errors.InvalidArgumentError as error:
                    raised = type(error).__name__
    return {"raised": raised}


def finalised(run: paramedic.Run) -> dict[str, Any]:
    """A graph that takes nothing any more."""
    with tf1.Graph().as_default() as graph:
        loss, _ = regression()
        train = tf1.train.GradientDescentOptimizer(0.1).minimize(loss)
        initialise = tf1.global_variables_initializer()
        graph.finalize()
        with tf1.Session(config=ONE_THREAD) as session:
            session.run(initialise)
            looking: Watch = watch(run, session)
            session.run(train, fed(0, graph))
            return {"off": looking.off}


def path(kind: str, run: paramedic.Run) -> dict[str, Any]:
    """A recurrent layer that is a loop, or unrolled; and its path by perturbing each output."""
    with tf1.Graph().as_default() as graph:
        x, y = tf1.placeholder(tf.float32, [None, 5, 2]), tf1.placeholder(tf.float32, [None, 1])
        generator = np.random.default_rng(1)
        initial = tf1.constant_initializer(generator.normal(size=(6, 16 if kind == "lstm" else 4)) / 2)
        lengths = tf.constant([2, 5] * (BATCH // 2)) if kind == "lengths" else None
        with tf1.variable_scope("rnn", initializer=initial):
            cell = {"lstm": cells.LSTMCell, "lengths": cells.BasicRNNCell}.get(kind, cells.BasicRNNCell)(4)
            if kind == "unrolled":
                outputs, state = tf1.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)
                outputs = tf.stack(outputs, 1)
            else:
                outputs, state = tf1.nn.dynamic_rnn(cell, x, dtype=tf.float32, sequence_length=lengths)
        last = outputs[:, -1] if kind != "lengths" else state
        weights = tf1.Variable(np.linspace(-1, 1, 4).astype("f")[:, None], name="weights")
        # All outputs are read beside the last one: what comes back at each time step has two parts.
        loss = tf.reduce_mean(tf.square(tf.matmul(last, weights) - y)) + 0.1 * tf.reduce_mean(tf.square(outputs))
        train = tf1.train.GradientDescentOptimizer(0.1).minimize(loss)
        with tf1.Session(config=ONE_THREAD) as session:
            session.run(tf1.global_variables_initializer())
            watch(run, session)
            feed = fed(0, graph)
            variables = session.run(tf1.trainable_variables())
            session.run(train, feed)
    return {"path": by_hand(kind, variables, [feed[x], feed[y]])}


def by_hand(kind: str, variables: list[np.ndarray], data: list[np.ndarray]) -> list[float]:
    """The norm of dL/dh_t by finite differences, in numpy."""
    kernel, bias, weights = variables
    x, y = data
    lengths = np.array([2, 5] * (BATCH // 2)) if kind == "lengths" else np.full(BATCH, 5)

    def loss(added: np.ndarray) -> float:
        h, c = np.zeros((BATCH, 4)), np.zeros((BATCH, 4))
        outputs = []
        for time in range(5):
            total = np.concatenate([x[:, time], h], 1) @ kernel + bias
            if kind == "lstm":
                i, j, f, o = np.split(total, 4, 1)
                c = c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
                new = np.tanh(c) * sigmoid(o) + added[time]
            else:
                new = np.tanh(total) + added[time]
            there = (time < lengths)[:, None]
            h = np.where(there, new, h)
            outputs.append(np.where(there, new, 0))
        return float(np.mean((h @ weights - y) ** 2) + 0.1 * np.mean(np.square(outputs)))

    gradient = np.zeros((5, BATCH, 4))
    for place in np.ndindex(gradient.shape):
        ends = []
        for sign in (1, -1):
            added = np.zeros_like(gradient)
            added[place] = sign * 1e-4
            ends.append(loss(added))
        gradient[place] = (ends[0] - ends[1]) / 2e-4
    return [float(np.linalg.norm(step)) for step in gradient]


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def main(directory: Path) -> None:
    tf1.disable_v2_behavior()
    tf1.logging.set_verbosity(tf1.logging.ERROR)
    trainings = Trainings(directory)
    results = trainings.results
    for name in IDENTITY:
        with trainings.run(name) as run:
            results[name] = {"bare": identity(name, None), "watched": identity(name, run)}
    tf1.disable_resource_variables()
    for name in NORMS:
        with trainings.run(name) as run:
            results[name] = norms(name, run)
    for kind in ("loop", "unrolled", "lengths", "lstm"):
        with trainings.run(f"path_{kind}") as run:
            results[f"path_{kind}"] = path(kind, run)
    for function in (scaled, other_runs, in_turn, failing, finalised):
        with trainings.run(function.__name__) as run:
            results[function.__name__] = function(run)
    hooked(trainings, "hooked", 12)
    hooked(trainings, "resumed", 5)
    (directory / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
