"""A recurrent network as TensorFlow 1 trains it: a graph, placeholders, a session that is fed.

The program is the one that people still run and ask about: a cell of `tf.nn.rnn_cell`, unrolled by
`tf.nn.dynamic_rnn`, read at its last output through weights of its own, trained by an optimizer of `tf.train`. Its
arguments are what people change in it. TensorFlow 2 has these cells only with Keras 2, which must be asked for before
TensorFlow is imported: this needs a process that imported neither.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic_service.reproduction.data.examples import Pair, recall, summed
from paramedic_service.reproduction.worker.tensorflow1_arguments import Arguments, read_arguments
from paramedic_service.reproduction.workloads import Recorder

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise ImportError("TensorFlow was imported already, without the cells of TensorFlow 1; use a fresh process")
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import tensorflow as tf

from paramedic_service.reproduction.worker import tensorflow1_description as description
from paramedic_service.reproduction.worker.tensorflow1_norms import gradient_path, measured_update

tf1 = tf.compat.v1

PATH_EVERY = 10
"""Steps between two looks at the gradient's path through time."""

PATH_SAMPLES = 64

SEEN = 1000
"""Samples that the data is described and standardised by."""

HELD_OUT = 250


def train(arguments: Mapping[str, Any], seed: int, steps: int, recorder: Recorder) -> None:
    """Trains once; a workload.

    Args:
        arguments: Fields of `Arguments`.
        seed: Of data, weights and batches.
        steps: To train.
        recorder: Told of every step.

    Raises:
        ValueError: An argument is unknown, or makes no sense.
    """
    chosen = read_arguments(arguments)
    source = _Source(chosen, seed)
    seen, (held_x, held_y) = source.draw(SEEN), source.draw(HELD_OUT)
    with tf.Graph().as_default():
        tf1.set_random_seed(seed)
        program = _Program(chosen)
        recorder.describe(description.describe(chosen, program.variables, seen))
        # One thread: the graph is small, and its results the same from run to run.
        config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        with tf1.Session(config=config) as session:
            session.run(tf1.global_variables_initializer())
            for step in range(1, steps + 1):
                x, y = source.draw(chosen.batch_size)
                _, loss, norms = session.run(
                    [program.update.operation, program.loss, program.update.norms], {program.x: x, program.y: y}
                )
                scalars = {"loss": float(loss), "learning_rate": chosen.learning_rate}
                recorder.log(step, scalars, norms, paths=program.path(session, seen, step))
            predicted = session.run(program.prediction, {program.x: held_x})
    recorder.score(float(np.mean((predicted - held_y) ** 2) / held_y.var()))


class _Source:
    """Makes samples, as the program makes them in its loop."""

    def __init__(self, arguments: Arguments, seed: int) -> None:
        self._arguments = arguments
        self._generator = np.random.default_rng(seed)
        self._x, self._y = self._make()
        self._used = 0
        self._mean, self._deviation = 0.0, 1.0
        if arguments.standardise:
            self._mean, self._deviation = float(self._x.mean()), float(self._x.std())

    def draw(self, count: int) -> Pair:
        """Returns new samples: inputs float32 [count, time steps, 1] and targets float32 [count, 1]."""
        if self._used + count > len(self._x):
            self._x, self._y = self._make()
            self._used = 0
        chosen = slice(self._used, self._used + count)
        self._used += count
        return (self._x[chosen] - self._mean) / self._deviation, self._y[chosen]

    def _make(self) -> Pair:
        arguments = self._arguments
        x, y = _TASKS[arguments.task](self._generator, arguments.time_steps)
        return x * np.float32(arguments.input_scale) + np.float32(arguments.input_offset), y


class _Program:
    """The graph."""

    def __init__(self, arguments: Arguments) -> None:
        """Builds it in the default graph."""
        self.x = tf1.placeholder(tf.float32, [None, arguments.time_steps, 1])
        self.y = tf1.placeholder(tf.float32, [None, 1])
        cell = _cell(arguments)
        outputs, _ = tf1.nn.dynamic_rnn(cell, self.x, dtype=tf.float32, scope="rnn")
        weights = tf1.Variable(tf1.random_normal([arguments.units, 1]), name="output/W")
        bias = tf1.Variable(tf1.random_normal([1]), name="output/b")
        self.prediction = tf.matmul(outputs[:, -1, :], weights) + bias
        self.loss = tf.reduce_mean(tf.square(self.prediction - self.y))
        self.variables = tf1.trainable_variables()
        self.update = measured_update(_optimizer(arguments), self.loss, self.variables, arguments.global_clipnorm)
        self._path = gradient_path(
            cell, self.x, lambda last: tf.reduce_mean(tf.square(tf.matmul(last, weights) + bias - self.y))
        )

    def path(self, session: Any, data: Pair, step: int) -> dict[str, tuple[range, npt.ArrayLike]]:
        """The gradient's path through time after a step, where it is due."""
        if step != 1 and step % PATH_EVERY:
            return {}
        norms = session.run(self._path, {self.x: data[0][:PATH_SAMPLES], self.y: data[1][:PATH_SAMPLES]})
        return {description.LAYER: (range(len(norms)), norms)}


def _cell(arguments: Arguments) -> Any:
    # TensorFlow 1 began with Glorot's weights where nothing else was said, and drew them by the graph's seed; the cells
    # of today would draw them by Keras's.
    deviation = arguments.recurrent_deviation
    initializer = (
        tf1.glorot_uniform_initializer() if deviation is None else tf1.random_normal_initializer(stddev=deviation)
    )
    return _CELLS[arguments.cell](arguments.units, initializer)


def _basic(units: int, initializer: Any) -> Any:
    tf1.get_variable_scope().set_initializer(initializer)  # this cell takes none itself, and leaves it to the scope
    return tf1.nn.rnn_cell.BasicRNNCell(units)


def _lstm(units: int, initializer: Any) -> Any:
    return tf1.nn.rnn_cell.LSTMCell(units, initializer=initializer)


def _gru(units: int, initializer: Any) -> Any:
    return tf1.nn.rnn_cell.GRUCell(units, kernel_initializer=initializer)


_TASKS = {"sum": summed, "recall": recall}

_CELLS = {"BasicRNNCell": _basic, "LSTMCell": _lstm, "GRUCell": _gru}

_OPTIMIZERS = {
    "adam": lambda rate: tf1.train.AdamOptimizer(learning_rate=rate),
    "rmsprop": lambda rate: tf1.train.RMSPropOptimizer(learning_rate=rate),
    "momentum": lambda rate: tf1.train.MomentumOptimizer(learning_rate=rate, momentum=0.9),
}


def _optimizer(arguments: Arguments) -> Any:
    return _OPTIMIZERS[arguments.optimizer](arguments.learning_rate)
