"""Why a request is refused, and the checks that every part of one needs."""

import re
from enum import Enum

MAX_SIGNAL_CHARACTERS = 256
MAX_NAME_CHARACTERS = 512
MAX_COUNT = 2**53  # beyond it a double, and so every plot, no longer tells neighbours apart
MAX_TIME = 1e11  # seconds since the Unix epoch: the year 5138

_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Problem(Enum):
    """Why a request is refused, in the few words that metrics tell apart."""

    UNREADABLE = "unreadable"
    MISSING = "missing"
    LENGTH = "length"
    ORDER = "order"
    RANGE = "range"
    NAME = "name"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"
    LIMIT = "limit"
    FORBIDDEN = "forbidden"


class InvalidRequestError(Exception):
    """A request is refused.

    Attributes:
        field: Path of the offending field: "batch.tensors[0].values".
        reason: What is wrong and what is expected.
        problem: The same for metrics.
    """

    def __init__(self, field: str, reason: str, problem: Problem) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.problem = problem


def check_time(time: float, path: str) -> None:
    """Refuses what is no time in seconds since the Unix epoch."""
    if not 0 <= time <= MAX_TIME:  # NaN is not
        raise InvalidRequestError(path, f"got {time}, expected seconds since the Unix epoch", Problem.RANGE)


def check_name(name: str, path: str, limit: int) -> None:
    """Refuses names that are empty, longer than the limit in characters, or hold control characters."""
    if not name:
        raise InvalidRequestError(path, f"got nothing, expected 1 to {limit} characters", Problem.NAME)
    if len(name) > limit:
        raise InvalidRequestError(path, f"got {len(name)} characters, expected at most {limit}", Problem.NAME)
    if _CONTROL_CHARACTERS.search(name):
        raise InvalidRequestError(path, f"got {name!r}, expected no control characters", Problem.NAME)
