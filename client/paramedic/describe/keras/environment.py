"""Where a Keras training runs."""

import keras

from paramedic.description import initial_description
from paramedic.v1.description_pb2 import Environment


def environment() -> Environment:
    """Describes this process, Keras, the framework that it runs on, and the accelerators that that one sees."""
    known = initial_description(None).environment
    known.framework = "keras"
    name = keras.backend.backend()
    version, devices = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[name]()
    known.framework_version = f"{keras.__version__} ({name} {version})"
    known.devices.extend(devices)
    return known


def _tensorflow() -> tuple[str, list[str]]:
    import tensorflow as tf

    return tf.__version__, [each.name for each in tf.config.list_physical_devices() if each.device_type != "CPU"]


def _jax() -> tuple[str, list[str]]:
    import jax

    return jax.__version__, [
        f"{each.platform}:{each.id} {each.device_kind}" for each in jax.devices() if each.platform != "cpu"
    ]


def _torch() -> tuple[str, list[str]]:
    import torch

    return torch.__version__, [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
