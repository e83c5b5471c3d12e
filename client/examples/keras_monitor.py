"""Keras: the Monitor is one of the fit's callbacks."""

import keras
import numpy as np

from paramedic.integrations.keras import Monitor

generator = np.random.default_rng(0)
x = generator.normal(size=(2048, 20, 4)).astype("float32")
y = x[:, -3:, 0].mean(1) > 0  # do the last three of twenty steps rise?

model = keras.Sequential([keras.Input((20, 4)), keras.layers.LSTM(16), keras.layers.Dense(1)])
model.compile(
    "adam", keras.losses.BinaryCrossentropy(from_logits=True), metrics=[keras.metrics.BinaryAccuracy(threshold=0)]
)
monitor = Monitor(project="examples", name="keras", stop_on="critical")
model.fit(x, y, batch_size=32, epochs=3, validation_split=0.1, verbose=0, callbacks=[monitor])
