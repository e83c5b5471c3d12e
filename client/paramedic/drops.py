"""What the client had to give up, counted by reason."""

import logging
import threading
from collections import Counter

from paramedic.speech import say

# A service, or a loop over made-up names, can invent reasons to complain: that many are said aloud.
_MAX_COMPLAINTS = 100


class Drops:
    """Counts of lost rows and refused values, by reason.

    `add` is called from the training loop and never logs: a log handler may do I/O. The sender thread announces each
    new complaint once.

    Attributes:
        lock: Guards the counts; held for a few instructions only, and across a fork.
    """

    def __init__(self, run: str) -> None:
        self.lock = threading.RLock()  # a signal handler may call log() while log() holds it
        self._run = run
        self._total: Counter[str] = Counter()
        self._unreported: Counter[str] = Counter()
        self._known: set[str] = set()
        self._complaints: list[tuple[str, str]] = []

    def add(self, reason: str, count: int = 1, why: str = "", key: str = "") -> None:
        """Counts a loss.

        Args:
            reason: In the words of `Dropped.reason`.
            count: Rows, or refused values.
            why: What happened and what to do about it; said aloud once a reason and key.
            key: Tells complaints of one reason apart.
        """
        complaint = f"{reason} {key}"
        with self.lock:
            if count:
                self._total[reason] += count
                self._unreported[reason] += count
            if complaint not in self._known and len(self._known) < _MAX_COMPLAINTS:
                self._known.add(complaint)
                self._complaints.append((reason, why))

    def totals(self) -> dict[str, int]:
        """Returns the counts since the run began."""
        with self.lock:
            return dict(self._total)

    def take_unreported(self) -> dict[str, int]:
        """Returns what was counted since the last call."""
        with self.lock:
            unreported, self._unreported = self._unreported, Counter()
            return dict(unreported)

    def announce(self) -> None:
        """Logs one warning for every complaint that is new."""
        with self.lock:
            complaints, self._complaints = self._complaints, []
        for reason, why in complaints:
            say(
                logging.WARNING,
                "run %s: %s: %s (further ones are only counted, see run.dropped)",
                self._run,
                reason,
                why,
            )
