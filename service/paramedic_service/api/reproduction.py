"""ReproductionService: trains reported runs again, and says what came of it."""

# ruff: noqa: N802 (names and arguments are gRPC's)

import asyncio
from collections.abc import AsyncIterator

from paramedic.v1 import reproduction_pb2, reproduction_pb2_grpc
from paramedic.v1.reproduction_pb2 import (
    CancelReproductionRequest,
    CancelReproductionResponse,
    CreateReproductionRequest,
    CreateReproductionResponse,
    GetReproductionRequest,
    GetReproductionResponse,
    ListReproductionsRequest,
    ListReproductionsResponse,
    ListScenariosRequest,
    ListScenariosResponse,
    WatchReproductionRequest,
    WatchReproductionResponse,
)
from paramedic_service.api.calls import Context, answered
from paramedic_service.api.paging import page_size, what_the_caller_got_wrong
from paramedic_service.instruments import Instruments
from paramedic_service.reproduction.requests import ReproductionRequests
from paramedic_service.reproduction.service import ReproductionService
from paramedic_service.store.records import ReproductionState

SERVICE = reproduction_pb2.DESCRIPTOR.services_by_name["ReproductionService"].full_name


class ReproductionServicer(reproduction_pb2_grpc.ReproductionServiceServicer):
    """Translates between the wire and the service's reproductions.

    Args:
        requests: Queues them.
        service: Follows, cancels and keeps them.
        instruments: Where calls are counted.
    """

    def __init__(self, requests: ReproductionRequests, service: ReproductionService, instruments: Instruments) -> None:
        self._requests = requests
        self._service = service
        self._instruments = instruments

    async def CreateReproduction(
        self, request: CreateReproductionRequest, context: Context
    ) -> CreateReproductionResponse:
        """Queues a reproduction."""
        async with answered("CreateReproduction", context, self._instruments):
            return CreateReproductionResponse(reproduction=await self._requests.create(request))

    async def GetReproduction(self, request: GetReproductionRequest, context: Context) -> GetReproductionResponse:
        """Tells one, with its curves and its report."""
        async with answered("GetReproduction", context, self._instruments):
            reproduction, report = await self._service.get(request.id)
            return GetReproductionResponse(reproduction=reproduction, report=report)

    async def ListReproductions(self, request: ListReproductionsRequest, context: Context) -> ListReproductionsResponse:
        """Lists them, newest first."""
        async with answered("ListReproductions", context, self._instruments):
            with what_the_caller_got_wrong():
                page = await self._service.list(
                    project=request.project if request.HasField("project") else None,
                    run_id=request.run_id if request.HasField("run_id") else None,
                    state=ReproductionState(request.state) if request.HasField("state") else None,
                    limit=page_size(request.page_size),
                    token=request.page_token or None,
                )
            return ListReproductionsResponse(reproductions=page.items, next_page_token=page.next_token or "")

    async def CancelReproduction(
        self, request: CancelReproductionRequest, context: Context
    ) -> CancelReproductionResponse:
        """Ends one, and answers when its processes are gone."""
        async with answered("CancelReproduction", context, self._instruments):
            return CancelReproductionResponse(reproduction=await self._service.cancel(request.id))

    async def WatchReproduction(
        self, request: WatchReproductionRequest, context: Context
    ) -> AsyncIterator[WatchReproductionResponse]:
        """Tells one as it is, then what changes, until it ended."""
        async with answered("WatchReproduction", context, self._instruments):
            async for change in self._service.watch(request.id):
                yield change

    async def ListScenarios(self, request: ListScenariosRequest, context: Context) -> ListScenariosResponse:
        """Tells what can be reproduced by name."""
        async with answered("ListScenarios", context, self._instruments):
            scenarios = self._requests.scenarios.values()
            messages = await asyncio.to_thread(lambda: [scenario.message() for scenario in scenarios])
            return ListScenariosResponse(scenarios=messages)
