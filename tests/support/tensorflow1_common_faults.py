"""Trains the common faults and their healthy twins as TensorFlow 1 does, each watched: graphs, placeholders, sessions.

A process of its own: `python -m support.tensorflow1_common_faults DIRECTORY SEED` leaves a recording of each trial in a
folder below the directory, by the trial's place.
"""

import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # the cells of TensorFlow 1 exist only with it

import numpy as np
import tensorflow as tf

import paramedic
from paramedic.integrations.tensorflow1 import watch
from support.common_faults import TRIALS, Trial, batches, parameters

tf1 = tf.compat.v1


def main(directory: Path, seed: int) -> None:
    tf1.disable_v2_behavior()
    tf1.logging.set_verbosity(tf1.logging.ERROR)
    for place, trial in enumerate(TRIALS.values()):
        with paramedic.init("sources", id="run", mode="offline", spool_dir=directory / str(place)) as run:
            train(trial, seed, run)


def train(trial: Trial, seed: int, run: paramedic.Run) -> None:
    samples = batches(trial, seed)
    layers = parameters(trial, seed)
    with tf1.Graph().as_default():
        x = tf1.placeholder(tf.float32, [None, *samples[0][0].shape[1:]])
        y = tf1.placeholder(samples[0][1].dtype, [None, *samples[0][1].shape[1:]])
        hidden = recurrent(x, layers[0]) if trial.kind == "rnn" else dense(trial, x, layers[:-1])
        output = product(hidden, layers[-1], "output")
        loss = LOSSES[trial.loss](y, ACTIVATIONS[trial.output](output))
        step = OPTIMIZERS[trial.optimizer](trial.rate).minimize(loss)
        config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        with tf1.Session(config=config) as session:
            session.run(tf1.global_variables_initializer())
            watch(run, session)
            for _ in range(trial.epochs):
                for inputs, targets in samples:
                    session.run(step, {x: inputs, y: targets})


def dense(trial: Trial, tensor: Any, layers: list[dict[str, np.ndarray]]) -> Any:
    for place, layer in enumerate(layers):
        tensor = ACTIVATIONS[trial.activation](product(tensor, layer, f"hidden_{place}"))
    return tensor


def product(tensor: Any, layer: dict[str, np.ndarray], name: str) -> Any:
    with tf1.variable_scope(name):
        weights = tf1.Variable(layer["kernel"], name="W")
        return tf.matmul(tensor, weights) + tf1.Variable(layer["bias"], name="b")


def recurrent(sequence: Any, layer: dict[str, np.ndarray]) -> Any:
    kernel = np.concatenate([layer["kernel"], layer["recurrent_kernel"]])  # a cell has both in one matrix
    with tf1.variable_scope("rnn", initializer=tf1.constant_initializer(kernel)):
        cell = tf1.nn.rnn_cell.BasicRNNCell(kernel.shape[1])
        outputs, _ = tf1.nn.dynamic_rnn(cell, sequence, dtype=tf.float32)
    return outputs[:, -1, :]


ACTIVATIONS = {
    "relu": tf.nn.relu,
    "sigmoid": tf.nn.sigmoid,
    "tanh": tf.nn.tanh,
    "softmax": tf.nn.softmax,
    "linear": tf.identity,
}
LOSSES = {
    "cross_entropy": lambda y, output: tf1.losses.sparse_softmax_cross_entropy(y, output),
    "binary_cross_entropy": lambda y, output: tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(y, tf.float32)[:, None], logits=output)
    ),
    "mse": lambda y, output: tf.reduce_mean(tf.square(output - y)),
}
OPTIMIZERS = {"adam": tf1.train.AdamOptimizer, "sgd": tf1.train.GradientDescentOptimizer}

if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
