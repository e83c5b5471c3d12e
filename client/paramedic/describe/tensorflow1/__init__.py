"""Graphs of TensorFlow 1 in neutral terms."""

from paramedic.describe.tensorflow1.graph import ancestors, loop_of, shape_of
from paramedic.describe.tensorflow1.layers import Layer
from paramedic.describe.tensorflow1.network import Network, loss_configs, model_config, network_of, tensor_table
from paramedic.describe.tensorflow1.optimizers import optimizer_config
from paramedic.describe.tensorflow1.updates import Application, Gradient, Update, applications

__all__ = [
    "Application",
    "Gradient",
    "Layer",
    "Network",
    "Update",
    "ancestors",
    "applications",
    "loop_of",
    "loss_configs",
    "model_config",
    "network_of",
    "optimizer_config",
    "shape_of",
    "tensor_table",
]
