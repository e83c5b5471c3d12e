"""Notices runs that fell silent."""

from paramedic.v1.telemetry_pb2 import RunEvent, Silence
from paramedic_service.ingest.session import ActiveRun
from paramedic_service.store.records import RunState


def silence(run: ActiveRun, now: float) -> RunEvent | None:
    """The event of a run that was silent for longer than its rhythm explains.

    Args:
        run: The run.
        now: Service clock, seconds since the Unix epoch.

    Returns:
        The event, once per silence; None when the run is not silent, has ended, is lost, or something is being noted.
    """
    live = run.live
    if live.state is not RunState.RUNNING or live.silent or live.diagnosis.is_lost or run.noted:
        return None
    seconds = now - run.heard_at
    limit = live.diagnosis.silence_limit
    if not seconds > limit:
        return None
    return RunEvent(time=now, step=live.last_step, silence=Silence(seconds=seconds, limit=limit))
