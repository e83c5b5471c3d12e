"""Checks of single values: each takes one as it was sent, and returns it as a constructor takes it or refuses it."""

import math
import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Any

from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits

Check = Callable[[Any, str, Limits], Any]
"""Takes a value, the path of its field for errors, and the limits."""

Bound = float | str
"""A number, or the name of one of the limits."""

_SHOWN = 60
# Other, format, surrogate, private, unassigned, line and paragraph: what a reader cannot see, or is misled by.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(value: Any) -> str:
    """A value as an error quotes it: short and in ASCII, whatever it is."""
    if isinstance(value, str):
        return ascii(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!a}... ({len(value)} characters)"
    if isinstance(value, bool | int | float | None):
        return str(value)[:_SHOWN]
    if isinstance(value, Mapping | list | tuple):
        return f"{'settings' if isinstance(value, Mapping) else 'a list'} of {len(value)}"
    return f"a {type(value).__name__}"


def listed(words: Collection[str]) -> str:
    """Names as an error lists them."""
    return ", ".join(sorted(words))


def integer(low: Bound, high: Bound) -> Check:
    """A whole number from `low` to `high`; numbers on the wire are doubles, so 3.0 is one."""

    def check(value: Any, field: str, limits: Limits) -> int:
        least, most = _bound(low, limits), _bound(high, limits)
        if not _is_number(value) or not math.isfinite(value) or value != int(value):
            raise SpecError(field, f"got {shown(value)}, expected a whole number from {least:g} to {most:g}")
        if not least <= value <= most:
            raise SpecError(field, f"got {value:g}, expected {least:g} to {most:g}")
        return int(value)

    return check


def number(low: Bound, high: Bound) -> Check:
    """A finite number from `low` to `high`."""

    def check(value: Any, field: str, limits: Limits) -> float:
        least, most = _bound(low, limits), _bound(high, limits)
        if not _is_number(value) or not least <= value <= most:  # NaN is not
            raise SpecError(field, f"got {shown(value)}, expected a number from {least:g} to {most:g}")
        return float(value)

    return check


def boolean(value: Any, field: str, _: Limits) -> bool:
    """True or false, not a number that stands for it."""
    if not isinstance(value, bool):
        raise SpecError(field, f"got {shown(value)}, expected true or false")
    return value


def choice(*words: str) -> Check:
    """One of some words."""

    def check(value: Any, field: str, _: Limits) -> str:
        if not isinstance(value, str) or value not in words:
            raise SpecError(field, f"got {shown(value)}, expected one of {listed(words)}")
        return value

    return check


def only(expected: Any, why: str) -> Check:
    """The one value that is taken."""

    def check(value: Any, field: str, _: Limits) -> Any:
        if type(value) is not type(expected) or value != expected:
            raise SpecError(field, f"got {shown(value)}, and only {expected} is taken: {why}")
        return value

    return check


def either(first: Check, second: Check) -> Check:
    """What the first takes, or else the second."""

    def check(value: Any, field: str, limits: Limits) -> Any:
        try:
            return first(value, field, limits)
        except SpecError:
            return second(value, field, limits)

    return check


def several(each: Check, least: int, most: int) -> Check:
    """A list of values, as a tuple."""

    def check(value: Any, field: str, limits: Limits) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not least <= len(value) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            raise SpecError(field, f"got {shown(value)}, expected a list of {count}")
        return tuple(each(item, f"{field}[{place}]", limits) for place, item in enumerate(value))

    return check


def readable(value: Any, field: str, limit: int) -> str:
    """A text that shows what it holds: no control, formatting or unassigned characters.

    Args:
        value: As it was sent.
        field: Path of its field, for errors.
        limit: Most characters.
    """
    if not isinstance(value, str):
        raise SpecError(field, f"got {shown(value)}, expected a text")
    if len(value) > limit:
        raise SpecError(field, f"got {len(value)} characters, expected at most {limit}")
    unseen = next((each for each in value if unicodedata.category(each) in _UNSEEN), None)
    if unseen is not None:
        raise SpecError(field, f"got {shown(value)}, which holds the invisible character U+{ord(unseen):04X}")
    return value


def name(value: Any, field: str, limit: int) -> str:
    """A name of a layer, output or array: readable, composed, and no path into a file system.

    Raises:
        SpecError: It is none.
    """
    text = readable(value, field, limit)
    if not text.strip():
        raise SpecError(field, "got nothing, expected a name")
    if unicodedata.normalize("NFC", text) != text:
        raise SpecError(field, f"got {shown(text)}, expected composed characters (Unicode NFC)")
    parts = text.split("/")
    if "\\" in text or "" in parts or any(not part.strip(". ") for part in parts):
        raise SpecError(field, f'got {shown(text)}, expected a name; "/" may only stand between the names of models')
    return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bound(bound: Bound, limits: Limits) -> float:
    return float(getattr(limits, bound)) if isinstance(bound, str) else bound
