"""Three small trainings on real data: one learns, one explodes, and in one the gradients vanish.

The data are scikit-learn's handwritten digits, read as sequences: pixel after pixel, or row after row. Each training
is a plain `model.fit`; the Monitor among its callbacks is all that Paramedic needs. Run one with a service at hand:

    python -m paramedic.demo exploding --url 127.0.0.1:50051
"""

import argparse
from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from sklearn.datasets import load_digits

import paramedic
from paramedic.integrations.keras import Monitor

PIXELS = 64
ROWS = 8
CLASSES = 10


def load() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Returns the digits as sequences, float32 [1797, 64, 1] in 0 to 1, and their classes, int64 [1797]."""
    images, classes = load_digits(return_X_y=True)
    return (images / 16).astype("float32")[:, :, np.newaxis], classes


def healthy(monitor: Monitor) -> None:
    """An LSTM learns to tell the digits apart."""
    sequences, classes = load()
    model = keras.Sequential([keras.Input((PIXELS, 1)), layers.LSTM(32), layers.Dense(CLASSES)])
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(sequences, classes, batch_size=64, epochs=40, verbose=2, callbacks=[monitor])


def exploding(monitor: Monitor) -> None:
    """An LSTM predicts each next pixel at ten times the learning rate that it bears: every error makes a larger one."""
    sequences, _ = load()
    model = keras.Sequential([keras.Input((PIXELS - 1, 1)), layers.LSTM(32, return_sequences=True), layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=1.0, momentum=0.9), loss="mean_squared_error")
    model.fit(sequences[:, :-1], sequences[:, 1:], batch_size=64, epochs=5, verbose=2, callbacks=[monitor])


def vanishing(monitor: Monitor) -> None:
    """Plain recurrent layers with sigmoids and small weights, six deep: what the last ones learn never gets down."""
    sequences, classes = load()
    rows = sequences.reshape(-1, ROWS, PIXELS // ROWS)
    model = keras.Sequential([keras.Input(rows.shape[1:])])
    for depth in range(6):
        model.add(
            layers.SimpleRNN(
                32,
                activation="sigmoid",
                kernel_initializer="random_normal",
                recurrent_initializer="random_normal",
                return_sequences=depth < 5,
            )
        )
    model.add(layers.Dense(CLASSES))
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.001),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(rows, classes, batch_size=64, epochs=12, verbose=2, callbacks=[monitor])


TRAININGS: dict[str, Callable[[Monitor], None]] = {"healthy": healthy, "exploding": exploding, "vanishing": vanishing}


def main() -> None:
    """Runs one training under Paramedic."""
    parser = argparse.ArgumentParser(prog="python -m paramedic.demo", description="Trains on digits under Paramedic.")
    parser.add_argument("training", choices=TRAININGS)
    parser.add_argument("--url", help="where the service listens; default: PARAMEDIC_URL, or 127.0.0.1:50051")
    parser.add_argument("--run-id", help="id of the run; default: a new one")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    with paramedic.init("demo", name=arguments.training, id=arguments.run_id, url=arguments.url) as run:
        TRAININGS[arguments.training](Monitor(run))


if __name__ == "__main__":
    main()
