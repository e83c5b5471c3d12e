"""What a name must be like, so that the service, a directory and a metric can carry it."""

import re
from collections.abc import Collection

MAX_IDENTITY_CHARACTERS = 128
MAX_SIGNAL_CHARACTERS = 256
MAX_TENSOR_CHARACTERS = 512

_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def name_problem(name: object, limit: int) -> str | None:
    """Says what is wrong with a name; None when nothing is."""
    if not isinstance(name, str):
        return f"a name must be a string, not {type(name).__name__}"
    if not 1 <= len(name) <= limit:
        return f"a name has 1 to {limit} characters, not {len(name)}"
    if _CONTROL_CHARACTERS.search(name):
        return f"{name!r} has control characters"
    try:
        name.encode()
    except UnicodeEncodeError:
        return f"{name!r} cannot be written as UTF-8"
    return None


def signal_name_problem(name: object) -> str | None:
    """Says what is wrong with the name of a scalar signal; None when nothing is."""
    return name_problem(name, MAX_SIGNAL_CHARACTERS)


def table_problem(names: Collection[object]) -> str | None:
    """Says what is wrong with the names of a tensor table; None when nothing is."""
    for name in names:
        problem = name_problem(name, MAX_TENSOR_CHARACTERS)
        if problem is not None:
            return problem
    if len(set(names)) < len(names):
        return "two tensors have the same name"
    return None
