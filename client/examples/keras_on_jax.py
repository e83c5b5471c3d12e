"""Keras on JAX: the same Monitor."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # before Keras is imported

import keras
import numpy as np

import paramedic
from paramedic.integrations.keras import Monitor

generator = np.random.default_rng(0)
x = generator.normal(size=(2048, 8)).astype("float32")
y = x[:, :3].argmax(1)

layers = [keras.Input((8,)), keras.layers.Dense(32, "relu"), keras.layers.Dropout(0.1), keras.layers.Dense(3)]
model = keras.Sequential(layers)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
with paramedic.init(project="examples", name="keras on jax") as run:
    model.fit(x, y, batch_size=32, epochs=3, validation_split=0.1, verbose=0, callbacks=[Monitor(run)])
