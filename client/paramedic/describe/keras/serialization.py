"""Reading the configs of Keras objects without what Keras would import for it."""

import contextlib
import sys
from collections.abc import Iterator

import keras
from keras.src.utils import module_utils


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """Keeps Keras from importing TensorFlow on other backends.

    Keras does so wherever TensorFlow is installed, to see whether what it serializes is one of TensorFlow's objects; it
    takes seconds and may take an accelerator's memory.
    """
    module = module_utils.tensorflow
    known = getattr(module, "_available", False)
    if known is not None or "tensorflow" in sys.modules or keras.backend.backend() == "tensorflow":
        yield
        return
    module._available = False
    try:
        yield
    finally:
        module._available = None
