"""Programs on token sequences: embeddings under averages, convolutions, recurrences and attention."""

from functools import partial

import keras
from keras import layers

from corpus.programs import data, models, skill
from corpus.programs.images import SPARSE, adam
from corpus.programs.program import Program
from corpus.programs.sequences import both_ways

WORDS = 61
LENGTH = 20

MEAN = Program(
    "text-mean", "seen", "embedding", "an average of embeddings", partial(data.phrases, samples=2500),
    models.reading(WORDS, 12, lambda: [layers.GlobalAveragePooling1D(), layers.Dense(16, activation="relu")], 3),
    adam(0.01), SPARSE, skill.accuracy, 0.6, epochs=5, metrics=("accuracy",), validated=True,
)  # fmt: skip
CONVOLUTION = Program(
    "text-conv", "tuning", "cnn", "a convolution over embeddings", data.phrases,
    models.reading(
        WORDS, 12, lambda: [layers.Conv1D(16, 3, activation="relu"), layers.GlobalMaxPooling1D()], 3, length=LENGTH
    ),
    adam(5e-3), SPARSE, skill.accuracy, 0.6, epochs=8, metrics=("accuracy",),
)  # fmt: skip
BIDIRECTIONAL = Program(
    "text-bilstm", "tuning", "bidirectional", "masked padding, read both ways", data.phrases,
    models.reading(
        WORDS, 8, lambda: [both_ways(layers.LSTM, 10)(return_sequences=False)], 3, masked=True, length=LENGTH
    ),
    lambda: keras.optimizers.RMSprop(0.01), SPARSE, skill.accuracy, 0.6, epochs=8, metrics=("accuracy",),
)  # fmt: skip
COPYING = Program(
    "copy-bigru", "seen", "bidirectional", "a token again, two steps later, at every step",
    partial(data.copying, length=10),
    models.reading(5, 6, lambda: [both_ways(layers.GRU, 12)(return_sequences=True)], 5, length=10), adam(0.01), SPARSE,
    skill.accuracy, 0.7, epochs=7, metrics=("accuracy",),
)  # fmt: skip
TRANSFORMER = Program(
    "text-transformer", "tuning", "transformer", "attention over embeddings", partial(data.phrases, samples=2500),
    models.transformer(models.tokens(WORDS, LENGTH, 16), 16, 3), adam(2e-3), SPARSE, skill.accuracy, 0.6, epochs=4,
    metrics=("accuracy",), validated=True,
)  # fmt: skip

PROGRAMS = (MEAN, CONVOLUTION, BIDIRECTIONAL, COPYING, TRANSFORMER)
