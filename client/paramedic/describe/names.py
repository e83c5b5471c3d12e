"""Names that are short enough and that only one thing has."""

from collections.abc import Sequence

MAX_NAME = 512
"""Characters of a layer's name."""


def unique(names: Sequence[str], limit: int) -> list[str]:
    """Returns the names cut to a length, with a number appended to those that are there already."""
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, number = name[-limit:], 1
        while candidate in seen:
            number += 1
            candidate = f"{name[-(limit - 8) :]}#{number}"
        seen.add(candidate)
        result.append(candidate)
    return result
