"""TensorFlow 2: a loop of one's own over several replicas in one process; its run has one row a step."""

import keras
import numpy as np
import tensorflow as tf

import paramedic

BATCH = 64
strategy = tf.distribute.MirroredStrategy()  # all GPUs of this machine, or its processor
x = np.random.default_rng(0).normal(size=(2048, 8)).astype("float32")
samples = tf.data.Dataset.from_tensor_slices((x, x[:, :3].argmax(1)))
data = strategy.experimental_distribute_dataset(samples.batch(BATCH))

with strategy.scope():
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(32, "relu"), keras.layers.Dense(3)])
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")


def replica_step(features, classes):
    """Updates the weights of one replica by the gradients of all."""
    with tf.GradientTape() as tape:
        loss = tf.nn.compute_average_loss(loss_of(classes, model(features, training=True)), global_batch_size=BATCH)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return loss


@tf.function
def train_step(features, classes):
    """Updates the weights once."""
    return strategy.reduce("SUM", strategy.run(replica_step, args=(features, classes)), axis=None)


with paramedic.init(project="examples", name="MirroredStrategy") as run:
    watch = run.watch(model, optimizer, loss=loss_of)
    for features, classes in data:
        watch.log(loss=train_step(features, classes))
