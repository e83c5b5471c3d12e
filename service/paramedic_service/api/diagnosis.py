"""DiagnosisService: answers questions about runs."""

# ruff: noqa: N802 (names and arguments are gRPC's)

import asyncio
from collections.abc import AsyncIterator

from paramedic.v1 import diagnosis_pb2, diagnosis_pb2_grpc
from paramedic.v1.diagnosis_pb2 import (
    GetRunRequest,
    GetRunResponse,
    GetTelemetryRequest,
    GetTelemetryResponse,
    ListFindingsRequest,
    ListFindingsResponse,
    ListIncidentsRequest,
    ListIncidentsResponse,
    ListRulesRequest,
    ListRulesResponse,
    ListRunsRequest,
    ListRunsResponse,
    WatchFindingsRequest,
    WatchFindingsResponse,
)
from paramedic.v1.finding_pb2 import Finding as FindingMessage
from paramedic.v1.finding_pb2 import Incident as IncidentMessage
from paramedic.v1.finding_pb2 import RuleStatus
from paramedic.v1.run_pb2 import Run
from paramedic.v1.run_pb2 import RunState as RunStateMessage
from paramedic_service.api.calls import Context, answered
from paramedic_service.api.paging import page_size, what_the_caller_got_wrong
from paramedic_service.api.series import Selection, read_series
from paramedic_service.ingest.block_validation import TENSOR_SIGNALS
from paramedic_service.ingest.errors import InvalidArgumentError
from paramedic_service.ingest.identity_validation import validate_identity
from paramedic_service.ingest.incident_messages import incidents_from_record, incidents_to_messages
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.refusal import MAX_COUNT
from paramedic_service.ingest.reproduced import link, reproduced
from paramedic_service.ingest.service import IngestService
from paramedic_service.ingest.subscriptions import FindingChange
from paramedic_service.ingest.translation import finding_to_message, identity_to_message, rule_to_message
from paramedic_service.instruments import Instruments
from paramedic_service.rules.catalogue import RULES
from paramedic_service.store.interface import Store
from paramedic_service.store.records import IncidentsRecord, RunRecord, RunState

SERVICE = diagnosis_pb2.DESCRIPTOR.services_by_name["DiagnosisService"].full_name

DEFAULT_POINTS, FEWEST_POINTS, MOST_POINTS = 1000, 4, 10_000
MOST_POINTS_A_RESPONSE = 4_000_000  # about 40 MB on the wire


class DiagnosisServicer(diagnosis_pb2_grpc.DiagnosisServiceServicer):
    """Translates between the wire, `IngestService` and the store.

    Args:
        ingest: Knows the runs in memory.
        store: Knows all of them.
        instruments: Where calls are counted.
    """

    def __init__(self, ingest: IngestService, store: Store, instruments: Instruments) -> None:
        self._ingest = ingest
        self._store = store
        self._instruments = instruments

    async def ListRuns(self, request: ListRunsRequest, context: Context) -> ListRunsResponse:
        """Lists runs, newest first."""
        async with answered("ListRuns", context, self._instruments):
            limit = page_size(request.page_size)
            await self._ingest.publish_to_store()
            with what_the_caller_got_wrong():
                page = await asyncio.to_thread(
                    self._store.list_runs,
                    project=request.project if request.HasField("project") else None,
                    run_id=request.run_id if request.HasField("run_id") else None,
                    state=RunState(request.state) if request.HasField("state") else None,
                    limit=limit,
                    token=request.page_token or None,
                )
            return ListRunsResponse(
                runs=[self._run(record) for record in page.items], next_page_token=page.next_token or ""
            )

    async def GetRun(self, request: GetRunRequest, context: Context) -> GetRunResponse:
        """Tells one run, with the standing of every rule."""
        async with answered("GetRun", context, self._instruments):
            live = await self._ingest.look_up(validate_identity(request.run, "run"))
            abstentions = live.diagnosis.abstentions
            return GetRunResponse(
                run=_live_to_message(live),
                description=live.description,
                rules=[
                    RuleStatus(rule=rule.id, abstains=rule.id in abstentions, reason=abstentions.get(rule.id, ""))
                    for rule in RULES
                ],
            )

    async def ListFindings(self, request: ListFindingsRequest, context: Context) -> ListFindingsResponse:
        """Lists findings, the latest change first."""
        async with answered("ListFindings", context, self._instruments):
            limit = page_size(request.page_size)
            await self._ingest.publish_to_store()
            with what_the_caller_got_wrong():
                page = await asyncio.to_thread(
                    self._store.list_findings,
                    project=request.project if request.HasField("project") else None,
                    run_id=request.run_id if request.HasField("run_id") else None,
                    rule=request.rule if request.HasField("rule") else None,
                    min_severity=request.min_severity,
                    open_only=request.open_only,
                    limit=limit,
                    token=request.page_token or None,
                )
            return ListFindingsResponse(
                findings=[FindingMessage.FromString(record.body) for record in page.items],
                next_page_token=page.next_token or "",
            )

    async def ListIncidents(self, request: ListIncidentsRequest, context: Context) -> ListIncidentsResponse:
        """Lists incidents, those of a run together, the latest change first."""
        async with answered("ListIncidents", context, self._instruments):
            limit = page_size(request.page_size)
            await self._ingest.publish_to_store()
            with what_the_caller_got_wrong():
                page = await asyncio.to_thread(
                    self._store.list_incidents,
                    project=request.project if request.HasField("project") else None,
                    run_id=request.run_id if request.HasField("run_id") else None,
                    open_only=request.open_only,
                    limit=limit,
                    token=request.page_token or None,
                )
            said = await asyncio.to_thread(reproduced, self._store, [record.run for record in page.items])
            response = ListIncidentsResponse(next_page_token=page.next_token or "")
            for record in page.items:
                for incident in self._incidents(record):
                    if incident.open or not request.open_only:
                        link(incident, said.get(record.run, ()))
                        response.incidents.append(incident)
            return response

    async def ListRules(self, request: ListRulesRequest, context: Context) -> ListRulesResponse:
        """Tells the catalogue of rules."""
        async with answered("ListRules", context, self._instruments):
            return ListRulesResponse(rules=[rule_to_message(rule) for rule in RULES])

    async def WatchFindings(
        self, request: WatchFindingsRequest, context: Context
    ) -> AsyncIterator[WatchFindingsResponse]:
        """Tells changes of findings until the caller hangs up."""

        def wanted(change: FindingChange) -> bool:
            return (
                (not request.HasField("project") or change.run.project == request.project)
                and (not request.HasField("run_id") or change.run.id == request.run_id)
                and change.finding.severity >= request.min_severity
            )

        async with answered("WatchFindings", context, self._instruments):
            with self._ingest.watch(wanted) as subscription:
                # Tells the caller that from now on nothing is missed.
                await context.send_initial_metadata(())
                async for change in subscription.changes():
                    yield WatchFindingsResponse(finding=finding_to_message(change.run, change.finding))

    async def GetTelemetry(self, request: GetTelemetryRequest, context: Context) -> GetTelemetryResponse:
        """Tells signals of a run, thinned."""
        async with answered("GetTelemetry", context, self._instruments):
            live = await self._ingest.look_up(validate_identity(request.run, "run"))
            selection = _selection(request, live)
            first_step, number = selection.first_step, live.number

            def read() -> GetTelemetryResponse:
                log = self._store.read_log(number, first_step=first_step, last_step=selection.last_step)
                return GetTelemetryResponse(series=read_series(log, selection))

            return await asyncio.to_thread(read)

    def _incidents(self, record: IncidentsRecord) -> list[IncidentMessage]:
        live = self._ingest.runs.get(record.run)
        # A run in memory may have told more since: what could not be judged then perhaps can be now.
        return incidents_from_record(record) if live is None else incidents_to_messages(live.key, live.incidents)

    def _run(self, record: RunRecord) -> Run:
        live = self._ingest.runs.get(record.key)
        return _record_to_message(record) if live is None else _live_to_message(live)


def _selection(request: GetTelemetryRequest, live: LiveRun) -> Selection:
    points = request.max_points or DEFAULT_POINTS
    if not FEWEST_POINTS <= points <= MOST_POINTS:
        raise InvalidArgumentError(f"max_points: got {points}, expected {FEWEST_POINTS} to {MOST_POINTS}")
    unknown = [signal for signal in request.tensor_signals if signal not in TENSOR_SIGNALS]
    if unknown:
        raise InvalidArgumentError(f"tensor_signals: got {unknown[0]}, which is no known signal")
    signals = frozenset(TENSOR_SIGNALS[signal] for signal in request.tensor_signals)
    scalars = frozenset(request.scalars) if request.scalars or signals else None
    tensors = frozenset(request.tensors) if request.tensors else None
    series = len(live.latest_scalars) if scalars is None else len(scalars)
    series += len(signals) * (len(live.tensor_names) if tensors is None else len(tensors))
    if series * points > MOST_POINTS_A_RESPONSE:
        raise InvalidArgumentError(
            f"got {series} series of up to {points} points, expected at most {MOST_POINTS_A_RESPONSE} points:"
            " ask for fewer tensors, or for fewer points with max_points"
        )
    return Selection(
        scalars=scalars,
        signals=signals,
        tensors=tensors,
        first_step=request.first_step if request.HasField("first_step") else None,
        last_step=min(request.last_step if request.HasField("last_step") else MAX_COUNT, live.last_step or 0),
        max_points=points,
    )


def _live_to_message(live: LiveRun) -> Run:
    return Run(
        identity=identity_to_message(live.key),
        name=live.name,
        state=RunStateMessage.ValueType(live.state.value),
        created_at=live.created_at,
        last_report_at=live.last_report_at,
        last_step=live.last_step,
        rows=live.rows,
        last_sequence=live.last_sequence,
        open_findings=len(live.open_findings),
    )


def _record_to_message(record: RunRecord) -> Run:
    return Run(
        identity=identity_to_message(record.key),
        name=record.name,
        state=RunStateMessage.ValueType(record.state.value),
        created_at=record.created_at,
        last_report_at=record.last_report_at,
        last_step=record.last_step,
        rows=record.rows,
        last_sequence=record.last_sequence,
        open_findings=record.open_findings,
    )
