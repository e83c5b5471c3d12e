"""What reproductions of this run said."""

import logging
import threading

from paramedic.speech import say
from paramedic.v1.telemetry_pb2 import ReproductionEnded

# More than anybody asks for of one run; a service that invents them must not fill our memory.
_MAX_REPRODUCTIONS = 1000
_MAX_TEXT = 2000


class Reproductions:
    """Those that ended with a verdict.

    Attributes:
        lock: Guards them; held across a fork.
    """

    def __init__(self, run: str) -> None:
        """Begins without any.

        Args:
            run: Names the run in log lines.
        """
        self.lock = threading.RLock()
        self._run = run
        self._ended: dict[str, ReproductionEnded] = {}

    def ended(self) -> list[ReproductionEnded]:
        """Returns them in the order in which they came."""
        with self.lock:
            return list(self._ended.values())

    def add(self, ended: ReproductionEnded) -> None:
        """Takes one in, and tells the user; the service tells each again when the stream was broken."""
        link = ended.reproduction
        with self.lock:
            if link.reproduction in self._ended or len(self._ended) >= _MAX_REPRODUCTIONS:
                return
            self._ended[link.reproduction] = ended
        say(
            logging.WARNING,
            "run %s: reproduction %s of %s ended: %s",
            self._run,
            _line(link.reproduction),
            _line(ended.incident),
            _line(link.verdict.summary),
        )


def _line(text: str) -> str:
    return " ".join(text.split())[:_MAX_TEXT]
