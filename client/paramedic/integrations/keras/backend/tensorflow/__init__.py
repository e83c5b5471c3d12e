"""Keras on TensorFlow: the train step and the probes are graphs."""
