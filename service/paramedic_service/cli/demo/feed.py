"""Findings as they come, beside whatever else the command does."""

import contextlib
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

import grpc

from paramedic.v1.diagnosis_pb2 import WatchFindingsRequest
from paramedic.v1.finding_pb2 import Finding
from paramedic_service.cli.connection import Service


class FindingFeed:
    """Changes of findings that have come and were not yet looked at."""

    def __init__(self, changes: Iterator[Finding]) -> None:
        self._changes = changes
        self._arrived: SimpleQueue[Finding] = SimpleQueue()

    def arrived(self) -> Iterator[Finding]:
        """Yields what has come since the last call."""
        with contextlib.suppress(Empty):
            while True:
                yield self._arrived.get_nowait()

    def watch(self) -> None:
        """Takes changes in until there are no more."""
        # A feed that breaks is no loss: the findings are listed in the end, and a service that is gone shows there.
        with contextlib.suppress(grpc.RpcError):
            for finding in self._changes:
                self._arrived.put(finding)


@contextlib.contextmanager
def finding_feed(service: Service, project: str) -> Iterator[FindingFeed]:
    """Watches the findings of a project for as long as the block lasts."""
    with service.watch(WatchFindingsRequest(project=project)) as changes:
        feed = FindingFeed(changes)
        threading.Thread(target=feed.watch, name="finding-feed", daemon=True).start()
        yield feed
