"""Shares as people read them."""


def percent(share: float) -> str:
    """A share in percent; what is not quite all of it is not told as all."""
    if 0.995 <= share < 1:
        return "more than 99%"
    if abs(share) < 0.005:
        return "0%"  # of which there is only one, whatever its sign
    return f"{share:.0%}" if abs(share) < 10 else f"{share:,.0%}"


def change(improvement: float) -> str:
    """An improvement as a change: "40% lower"."""
    return f"{percent(abs(improvement))} {'lower' if improvement >= 0 else 'higher'}"
