"""What may stand in a column: no NaN, which SQLite would take for NULL, and no integer beyond 64 bits."""

import math

TOKEN_DIGITS = 18  # fewer than 2^63 has


def require_time(value: float, name: str) -> float:
    """Gives back a time of the service's clock.

    Raises:
        ValueError: It is not finite.
    """
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value}, and must be seconds since the Unix epoch")
    return value


def known_time(value: float | None) -> float | None:
    """A time of a client's clock, which may say anything; what is no time is unknown."""
    return value if value is not None and math.isfinite(value) else None


def change_token(changed_at: float, number: int) -> str:
    """Names a place in a listing by time of change; the number tells places of one time apart."""
    return f"{changed_at.hex()}:{number}"  # hexadecimal, so that the time comes back to the last bit


def change_in_token(token: str) -> tuple[float, int]:
    """The place that a page token names.

    Raises:
        ValueError: It is not one that the store wrote.
    """
    changed_at, _, number = token.partition(":")
    try:
        return require_time(float.fromhex(changed_at), "changed_at"), number_in_token(number)
    except (ValueError, OverflowError):
        raise ValueError(f"{token!r} is not a page token of this listing") from None


def number_in_token(text: str) -> int:
    """The number in a page token, which anybody may have written.

    Raises:
        ValueError: It is not one that the store wrote.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= TOKEN_DIGITS):
        raise ValueError(f"{text!r} is not a page token of this listing")
    return int(text)
