"""TensorFlow 2: a loop of one's own around a GradientTape. Two lines of it are Paramedic's."""

import keras
import numpy as np
import tensorflow as tf

import paramedic

x = np.random.default_rng(0).normal(size=(2048, 8)).astype("float32")
data = tf.data.Dataset.from_tensor_slices((x, x[:, :3].argmax(1))).shuffle(2048).batch(32)

model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(3)])
optimizer = keras.optimizers.Adam(0.01)
loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def train_step(features, classes):
    """Updates the weights once."""
    with tf.GradientTape() as tape:
        loss = loss_of(classes, model(features, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
    optimizer.apply(gradients, model.trainable_variables)
    return loss


with paramedic.init(project="examples", name="GradientTape") as run:
    watch = run.watch(model, optimizer, loss=loss_of)  # before the first step is traced
    for _ in range(3):
        for features, classes in data:
            watch.log(loss=train_step(features, classes))  # in Python, outside of the tf.function
        watch.epoch_ended()
