"""Trainings with one fault each, that go on until their standard input ends.

Each prints `STEP TIME` after every step, TIME in seconds since the Unix epoch, so that a test knows when a step was.
"""

import sys
import threading
import time

import keras
import numpy as np
from keras import layers

import paramedic
from paramedic.integrations.keras import Monitor

STEPS, FEATURES, CLASSES = 20, 4, 3
FOREVER = 1_000_000


def recurrent(layer, depth=1):
    stack = [layer(index < depth - 1) for index in range(depth)]
    return keras.Sequential([keras.Input((STEPS, FEATURES)), *stack, layers.Dense(CLASSES)])


def lstm():
    return recurrent(lambda more: layers.LSTM(16, return_sequences=more))


def sigmoids():
    """Small weights and sigmoids, eight deep: gradients die on the way down."""
    settings = {
        "activation": "sigmoid",
        "kernel_initializer": "random_normal",
        "recurrent_initializer": "random_normal",
    }
    return recurrent(lambda more: layers.SimpleRNN(16, return_sequences=more, **settings), depth=8)


class Progress(keras.callbacks.Callback):
    """Prints steps, and ends the training when standard input does."""

    def __init__(self):
        super().__init__()
        self._step = 0
        self._over = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), self._over.set()), daemon=True).start()

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        print(self._step, time.time(), flush=True)
        time.sleep(0.01)  # not to outrun whoever reads, for hours
        if self._over.is_set():
            self.model.stop_training = True


def main(fault, url):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(640, STEPS, FEATURES)).astype("float32")
    y = np.argmax(x.sum(axis=1)[:, :CLASSES], axis=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model, optimizer = lstm(), keras.optimizers.Adam(0.001)
    if fault == "exploding":
        model, optimizer = (
            recurrent(lambda more: layers.SimpleRNN(16, "relu", return_sequences=more)),
            keras.optimizers.SGD(1.0),
        )
        loss = "mean_squared_error"
        y = x.sum(axis=1)[:, :CLASSES] * 10
    elif fault == "vanishing":
        model = sigmoids()
    elif fault == "nan":
        x[320, 3, 1] = np.nan
    model.compile(optimizer, loss)
    with paramedic.init("pages", id=fault, url=url) as run:
        monitor = Monitor(run, every=8)
        model.fit(x, y, batch_size=32, shuffle=False, epochs=FOREVER, verbose=0, callbacks=[monitor, Progress()])


if __name__ == "__main__":
    main(*sys.argv[1:])
