"""TensorFlow 1, a plain session: one line watches every run that trains."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # the cells of TensorFlow 1 exist only with it (pip install tf-keras)

import numpy as np
import tensorflow.compat.v1 as tf

import paramedic
from paramedic.integrations.tensorflow1 import watch

tf.disable_v2_behavior()

# Sequences of ten numbers, whose sum is wanted.
x = tf.placeholder(tf.float32, [None, 10, 1])
y = tf.placeholder(tf.float32, [None, 1])
outputs, _ = tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicRNNCell(32), x, dtype=tf.float32)
weights = tf.Variable(tf.random_normal([32, 1]))
prediction = tf.matmul(outputs[:, -1, :], weights) + tf.Variable(tf.zeros([1]))
loss = tf.reduce_mean(tf.square(prediction - y))
train = tf.train.AdamOptimizer(0.01).minimize(loss)

with paramedic.init(project="examples", name="TensorFlow 1 session") as run, tf.Session() as session:
    session.run(tf.global_variables_initializer())
    looking = watch(run, session)
    for _ in range(4):
        for _ in range(50):
            data = np.random.normal(size=(32, 10, 1))
            session.run(train, {x: data, y: data.sum(1)})
        held_out = np.random.normal(size=(256, 10, 1))
        looking.epoch_ended(val_loss=session.run(loss, {x: held_out, y: held_out.sum(1)}))
