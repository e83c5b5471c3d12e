"""Where a JAX training runs."""

import jax

from paramedic.description import initial_description
from paramedic.v1.description_pb2 import Environment


def environment() -> Environment:
    """Describes this process, JAX and the accelerators that it sees."""
    known = initial_description(None).environment
    known.framework = "jax"
    known.framework_version = str(jax.__version__)
    known.devices.extend(str(device) for device in jax.local_devices() if device.platform != "cpu")
    return known
