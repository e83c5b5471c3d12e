"""Where a torch loop runs."""

import torch

from paramedic.description import initial_description
from paramedic.v1.description_pb2 import Environment


def environment() -> Environment:
    """Describes this process, torch and the accelerators that it sees."""
    known = initial_description(None).environment
    known.framework = "torch"
    known.framework_version = str(torch.__version__)
    if torch.accelerator.is_available():
        kind = torch.accelerator.current_accelerator()
        known.devices.extend(f"{kind}:{number}" for number in range(torch.accelerator.device_count()))
    return known
