"""Keras models, optimizers, losses and fits in neutral terms."""

from paramedic.describe.keras.check import describe_training
from paramedic.describe.keras.environment import environment
from paramedic.describe.keras.layers import named_layers
from paramedic.describe.keras.losses import loss_config, loss_configs
from paramedic.describe.keras.model import model_config
from paramedic.describe.keras.optimizers import optimizer_config, optimizers_of
from paramedic.describe.keras.serialization import without_tensorflow
from paramedic.describe.keras.tensors import tensor_table
from paramedic.describe.keras.training import FitArguments, array_profiles, fit_arguments, training_config

__all__ = [
    "FitArguments",
    "array_profiles",
    "describe_training",
    "environment",
    "fit_arguments",
    "loss_config",
    "loss_configs",
    "model_config",
    "named_layers",
    "optimizer_config",
    "optimizers_of",
    "tensor_table",
    "training_config",
    "without_tensorflow",
]
