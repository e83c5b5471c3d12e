"""Faults of the optimizer, its learning rate, the batch size and the loop."""

import keras

from corpus.programs import images, models, sequences, tables, texts
from corpus.programs.images import adam, sgd
from corpus.programs.program import Fault

TOO_HIGH = ("learning_rate_too_high", "exploding_gradients")
TOO_LOW = ("learning_rate_too_low",)
UNSUITABLE = ("unsuitable_optimizer", "learning_rate_too_low")

FAULTS = (
    Fault("learning_rate_10", images.PLAIN, TOO_HIGH, {"optimizer": adam(10.0)}),
    Fault("learning_rate_10", texts.BIDIRECTIONAL, TOO_HIGH, {"optimizer": adam(10.0)}),
    Fault("learning_rate_10", sequences.ROWS_LSTM, TOO_HIGH, {"optimizer": adam(10.0)}),
    Fault("learning_rate_10", tables.FRIEDMAN, TOO_HIGH, {"optimizer": adam(10.0)}),
    Fault("learning_rate_high", images.CONVOLUTIONAL, TOO_HIGH, {"optimizer": adam(0.5)}),
    Fault("learning_rate_high", sequences.ROWS_RNN, TOO_HIGH, {"optimizer": sgd(5.0)}),
    Fault("learning_rate_high", texts.TRANSFORMER, TOO_HIGH, {"optimizer": adam(0.3)}),
    Fault("learning_rate_high", images.SCHEDULED, TOO_HIGH, {"optimizer": sgd(5.0)}),
    Fault("learning_rate_high", sequences.SINE_RNN, TOO_HIGH, {"optimizer": sgd(3.0)}),
    Fault("learning_rate_high", sequences.ROWS_TRANSFORMER, TOO_HIGH, {"optimizer": adam(0.5)}),
    Fault("learning_rate_low", images.PLAIN, TOO_LOW, {"optimizer": adam(1e-7)}),
    Fault("learning_rate_low", sequences.SINE_LSTM, TOO_LOW, {"optimizer": adam(1e-6)}),
    Fault("learning_rate_low", tables.WINE, TOO_LOW, {"optimizer": adam(1e-7)}),
    Fault("learning_rate_low", texts.MEAN, TOO_LOW, {"optimizer": adam(1e-6)}),
    Fault("unsuitable_optimizer", texts.BIDIRECTIONAL, UNSUITABLE, {"optimizer": sgd(0.01, 0.0)}),
    Fault("unsuitable_optimizer", sequences.ADDING, UNSUITABLE, {"optimizer": lambda: keras.optimizers.Adagrad()}),
    Fault("unsuitable_optimizer", texts.MEAN, UNSUITABLE, {"optimizer": lambda: keras.optimizers.Adadelta()}),
    Fault("unsuitable_optimizer", sequences.LONG_LAG, UNSUITABLE, {"optimizer": sgd(0.01, 0.0)}),
    Fault("adam_plateau", sequences.PARITY, UNSUITABLE, {"optimizer": adam(1e-2, epsilon=1.0)}),
    Fault("adam_plateau", sequences.ROWS_LSTM, UNSUITABLE, {"optimizer": adam(5e-3, epsilon=1.0)}),
    Fault("batch_size_too_large", images.PLAIN, ("batch_size_too_large",), {"batch_size": 1438, "epochs": 24}),
    Fault(
        "batch_size_too_large", sequences.ROWS_LSTM, ("batch_size_too_large",), {"batch_size": 1438, "epochs": 24}
    ),
    Fault(
        "batch_size_too_small", sequences.ROWS_RNN, ("batch_size_too_small", "learning_rate_too_high"),
        {"batch_size": 1, "epochs": 1},
    ),
    Fault(
        "batch_size_too_small", images.SCHEDULED, ("batch_size_too_small", "learning_rate_too_high"),
        {"batch_size": 1, "epochs": 1},
    ),
    Fault(
        "clipping_too_tight", tables.CLIPPED, ("clipping_too_tight",), {"optimizer": sgd(0.05, global_clipnorm=1e-4)}
    ),
    Fault("clipping_too_tight", sequences.SINE_RNN, ("clipping_too_tight",), {"optimizer": sgd(0.02, clipnorm=1e-4)}),
    Fault(
        "accumulating_gradients", images.PLAIN, ("accumulating_gradients",),
        {"model": models.accumulating(images.PLAIN.model), "optimizer": sgd(0.05), "metrics": ()},
    ),
    Fault("accumulating_gradients", tables.FRIEDMAN, ("accumulating_gradients",),
        {"model": models.accumulating(tables.FRIEDMAN.model), "validated": False},
    ),
)  # fmt: skip
