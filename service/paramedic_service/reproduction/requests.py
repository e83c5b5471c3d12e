"""Requests for reproductions: from what callers name to what is queued."""

import asyncio
from collections.abc import Callable, Mapping

from paramedic.v1.reproduction_pb2 import CreateReproductionRequest, Reproduction, ReproductionSpec
from paramedic.v1.run_pb2 import RunIdentity
from paramedic_service.ingest.errors import InvalidArgumentError
from paramedic_service.ingest.identity_validation import validate_identity
from paramedic_service.ingest.service import IngestService
from paramedic_service.reproduction.origin import (
    OriginError,
    UnknownOriginError,
    from_run,
    from_scenario,
    from_spec,
)
from paramedic_service.reproduction.plan import Limits
from paramedic_service.reproduction.scenarios.scenario import Scenario
from paramedic_service.reproduction.service import DEFAULT_PROJECT, ReproductionService
from paramedic_service.store.records import RunKey

PRIORITIES = range(-100, 101)
"""That callers may give."""

AUTOMATIC_PRIORITY = -10
"""Of what the service asks for by itself: whoever waits for an answer comes first."""


class ReproductionRequests:
    """Turns requests into queued reproductions.

    Args:
        ingest: Knows the runs.
        service: Queues.
        limits: Bounds of what is asked for.
        scenarios: What can be reproduced by name.
        shared: Tells whether a run's author shared a sample of its data; called in a worker thread.
    """

    def __init__(
        self,
        ingest: IngestService,
        service: ReproductionService,
        limits: Limits,
        scenarios: Mapping[str, Scenario],
        shared: Callable[[RunKey], bool],
    ) -> None:
        self._ingest = ingest
        self._service = service
        self._limits = limits
        self._shared = shared
        self.scenarios = scenarios

    async def create(self, request: CreateReproductionRequest) -> Reproduction:
        """Queues what a caller asks for.

        Raises:
            InvalidArgumentError: A field of the request itself is wrong.
            InvalidRequestError: It names a run that cannot be one.
            RunNotFoundError: There is no such run.
            UnknownOriginError: There is no such scenario, or no such incident.
            OriginError: What is named cannot be reproduced, and why.
            SpecError: The specification that comes of it cannot be.
            QueueFullError: As many are queued as may be.
            StoppingError: The service stops.
            StoreError: The store failed.
        """
        if request.priority not in PRIORITIES:
            raise InvalidArgumentError(f"priority: got {request.priority}, expected -100 to 100")
        if request.project:
            validate_identity(RunIdentity(project=request.project, id="any"), "request")
        match request.WhichOneof("origin"):
            case "run":
                return await self._of_run(request)
            case "scenario":
                return await self._of_scenario(request)
            case _:
                return await self._service.create(
                    from_spec(request.spec).spec,
                    project=request.project or DEFAULT_PROJECT,
                    priority=request.priority,
                )

    async def of_incident(self, key: RunKey, incident: str) -> Reproduction:
        """Queues the reproduction of an incident that nobody asked for.

        Raises:
            Exception: As `create` does.
        """
        live = await self._ingest.look_up(key)
        shared = await asyncio.to_thread(self._shared, key)
        origin = from_run(live, self._limits, asked=ReproductionSpec(), incident=incident, shared=shared)
        return await self._service.create(
            origin.spec,
            project=key.project,
            run=key,
            incident=origin.incident,
            priority=AUTOMATIC_PRIORITY,
            automatic=True,
        )

    async def _of_run(self, request: CreateReproductionRequest) -> Reproduction:
        key = validate_identity(request.run, "run")
        live = await self._ingest.look_up(key)
        shared = await asyncio.to_thread(self._shared, key)
        origin = from_run(live, self._limits, asked=request.spec, incident=request.incident, shared=shared)
        return await self._service.create(
            origin.spec,
            project=request.project or key.project,
            run=key,
            incident=origin.incident,
            priority=request.priority,
        )

    async def _of_scenario(self, request: CreateReproductionRequest) -> Reproduction:
        scenario = self.scenarios.get(request.scenario)
        if scenario is None:
            known = ", ".join(self.scenarios)
            raise UnknownOriginError(f"there is no scenario {request.scenario!r}; there are {known}")
        missing = await asyncio.to_thread(scenario.unavailable)
        if missing:
            raise OriginError(f"scenario {request.scenario!r} cannot run here: {missing}")
        origin = await asyncio.to_thread(from_scenario, scenario.make, request.spec)
        return await self._service.create(
            origin.spec,
            project=request.project or DEFAULT_PROJECT,
            scenario=scenario.name,
            priority=request.priority,
        )
