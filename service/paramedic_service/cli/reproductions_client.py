"""Calls about reproductions."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from paramedic.v1 import reproduction_pb2, reproduction_pb2_grpc
from paramedic.v1.reproduction_pb2 import (
    CreateReproductionRequest,
    GetReproductionResponse,
    Reproduction,
    Scenario,
    WatchReproductionResponse,
)

# Restoring a run that left memory reads its whole log; checking a specification plans every arm.
_CREATE_TIMEOUT = 60.0
# The answer comes when all processes are gone.
_CANCEL_TIMEOUT = 60.0
_TIMEOUT = 10.0
_PAGE = 100


class Reproductions:
    """The reproduction service behind a channel."""

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._stub = reproduction_pb2_grpc.ReproductionServiceStub(channel)
        self._metadata = metadata

    def create(self, request: CreateReproductionRequest) -> Reproduction:
        """Queues a reproduction."""
        return self._stub.CreateReproduction(request, timeout=_CREATE_TIMEOUT, metadata=self._metadata).reproduction

    def get(self, id: str) -> GetReproductionResponse:  # noqa: A002
        """Returns one with its curves and its report."""
        request = reproduction_pb2.GetReproductionRequest(id=id)
        return self._stub.GetReproduction(request, timeout=_TIMEOUT, metadata=self._metadata)

    def past(self, project: str | None = None, run_id: str | None = None) -> Iterator[Reproduction]:
        """Yields them, newest first."""
        request = reproduction_pb2.ListReproductionsRequest(project=project, run_id=run_id, page_size=_PAGE)
        while True:
            page = self._stub.ListReproductions(request, timeout=_TIMEOUT, metadata=self._metadata)
            yield from page.reproductions
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def cancel(self, id: str) -> Reproduction:  # noqa: A002
        """Ends one; returns when its processes are gone."""
        request = reproduction_pb2.CancelReproductionRequest(id=id)
        return self._stub.CancelReproduction(request, timeout=_CANCEL_TIMEOUT, metadata=self._metadata).reproduction

    @contextmanager
    def watch(self, id: str) -> Iterator[Iterator[WatchReproductionResponse]]:  # noqa: A002
        """Watches one; inside the block, every change is yielded by the iterator, until it ended."""
        request = reproduction_pb2.WatchReproductionRequest(id=id)
        call = self._stub.WatchReproduction(request, metadata=self._metadata)
        try:
            yield call
        finally:
            call.cancel()

    def scenarios(self) -> list[Scenario]:
        """Returns what can be reproduced by name."""
        request = reproduction_pb2.ListScenariosRequest()
        return list(self._stub.ListScenarios(request, timeout=_TIMEOUT, metadata=self._metadata).scenarios)
