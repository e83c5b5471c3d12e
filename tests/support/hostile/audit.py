"""Plans every hostile specification in a process that notes what Python's own auditing sees, and what is allocated.

Run as a script it prints JSON: by the id of each specification the audit events and the most bytes held at a time.
"""

import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from support.hostile.catalogue import cases
from support.specs import refusal

MOST_BYTES = 16 * 2**20
"""Several times what the largest specification takes when it is read."""

# What Python's interpreter does of itself while it runs code that is there already.
_HARMLESS = frozenset(
    {"object.__getattr__", "object.__setattr__", "object.__delattr__", "sys._getframe", "builtins.id", "code.__new__"}
    | {"cpython.PyInterpreterState_New", "function.__new__", "sys.settrace", "sys.setprofile"}
)
_seen: list[str] | None = None


def watched(action: Callable[[], object]) -> tuple[list[str], int]:
    """Returns the audit events during an action, and the most bytes that it held at a time."""
    global _seen
    tracemalloc.start()
    _seen = events = []
    try:
        action()
        return events, tracemalloc.get_traced_memory()[1]
    finally:
        _seen = None
        tracemalloc.stop()


def _note(event: str, _: object) -> None:
    if _seen is not None and event not in _HARMLESS:
        _seen.append(event)


sys.addaudithook(_note)


def main() -> None:
    """Plans them all."""
    report = {}
    for case in cases():
        message = case.make()
        events, used = watched(lambda message=message: refusal(message))  # type: ignore[misc]
        report[case.id] = {"events": events, "bytes": used}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
