"""TensorFlow 1, a session with hooks: the Monitor is one of them."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # the layers of TensorFlow 1 exist only with it (pip install tf-keras)

import numpy as np
import tensorflow.compat.v1 as tf

import paramedic
from paramedic.integrations.tensorflow1 import MonitorHook

tf.disable_v2_behavior()

# Which of the first three of eight features is the largest.
features = np.random.normal(size=(2048, 8)).astype("float32")
samples = tf.data.Dataset.from_tensor_slices((features, features[:, :3].argmax(1))).shuffle(2048).repeat(4).batch(32)
x, y = tf.data.make_one_shot_iterator(samples).get_next()

hidden = tf.layers.dense(x, 32, activation=tf.nn.relu, name="hidden")
logits = tf.layers.dense(hidden, 3, name="output")
loss = tf.losses.sparse_softmax_cross_entropy(y, logits)
train = tf.train.AdamOptimizer(0.005).minimize(loss, global_step=tf.train.get_or_create_global_step())

run = paramedic.init(project="examples", name="TensorFlow 1 hook", stop_on="critical")
with run, tf.train.MonitoredTrainingSession(hooks=[MonitorHook(run)]) as session:
    while not session.should_stop():
        session.run(train)
