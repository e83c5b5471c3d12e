"""Keras on torch: the same Monitor, with data from torch's loader."""

import os

os.environ["KERAS_BACKEND"] = "torch"  # before Keras is imported

import keras
import torch
from torch.utils.data import DataLoader, TensorDataset

import paramedic
from paramedic.integrations.keras import Monitor

x = torch.randn(2048, 8)
loader = DataLoader(TensorDataset(x, x[:, :3].argmax(1)), batch_size=32, shuffle=True)

model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(3)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
with paramedic.init(project="examples", name="keras on torch") as run:
    model.fit(loader, epochs=3, verbose=0, callbacks=[Monitor(run)])
