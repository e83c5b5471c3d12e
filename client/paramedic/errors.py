"""An exception that ended a training, as the contract has it."""

import traceback

from paramedic.v1.telemetry_pb2 import TrainingError

_MAX_KIND = 256
_MAX_MESSAGE = 16_384
_MAX_TRACEBACK = 65_536


def training_error(exception: BaseException) -> TrainingError:
    """Describes an exception, cut to what the service takes."""
    trace = "".join(traceback.format_exception(exception))
    return TrainingError(
        kind=_text(type(exception).__name__, _MAX_KIND),
        message=_text(str(exception), _MAX_MESSAGE),
        traceback=_text(trace[-_MAX_TRACEBACK:], _MAX_TRACEBACK),  # where it was raised stands at the end
    )


def _text(text: str, limit: int) -> str:
    return text[:limit].encode("utf-8", "replace").decode()
