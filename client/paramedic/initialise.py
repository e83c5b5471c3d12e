"""The way in: `paramedic.init`."""

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from paramedic import lifecycle
from paramedic.attempts import note_attempt
from paramedic.description import initial_description
from paramedic.disabled import DisabledRun
from paramedic.encoding import MAX_REQUEST_BYTES
from paramedic.identity import DEFAULT_PROJECT
from paramedic.run import FINISH_TIMEOUT, Run
from paramedic.settings import Mode, Settings, exposes_token, resolve
from paramedic.speech import say

# The environment travels in the same request.
_MAX_CONFIG_BYTES = MAX_REQUEST_BYTES // 2


def init(
    project: str = DEFAULT_PROJECT,
    name: str | None = None,
    config: Mapping[str, Any] | None = None,
    url: str | None = None,
    mode: Literal["online", "offline", "disabled"] | None = None,
    *,
    id: str | None = None,  # noqa: A002  (the contract's word)
    attempt: int | None = None,
    rank: int | None = None,
    token: str | None = None,
    tls_ca: str | os.PathLike[str] | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
    stop_on: Literal["info", "warning", "critical"] | None = None,
    resume: Mapping[str, Any] | None = None,
) -> Run:
    """Begins a run, and returns at once whether or not the service is there.

    This is the only place that raises; from here on nothing does. An unfinished run of this process with the same
    identity is finished first, within the bound of `Run.finish`, and the next attempt of that run begins, so that a
    notebook's cell can be run again. In a child that multiprocessing spawns, while it imports its parent's script, the
    run does nothing: it is the parent's.

    Args:
        project: Groups runs of one team or model, 1 to 128 characters.
        name: For people; need not be unique. None: the id.
        config: The author's own settings, shown with the run. Numbers, strings, lists and mappings are kept as such,
            everything else as its text.
        url: "host:port", "grpc://host:port", or "grpcs://host:port" for TLS. None: the environment's PARAMEDIC_URL, or
            127.0.0.1:50051. PARAMEDIC_TLS=1 means TLS too.
        mode: "online"; "offline": to disk only, for a later `paramedic sync`; "disabled": nothing at all. None: the
            environment's PARAMEDIC_MODE, or "online".
        id: Unique within the project, 1 to 128 characters; one id for all processes of a distributed training. None:
            the environment's PARAMEDIC_RUN_ID; among several processes, the job of torchrun (TORCHELASTIC_RUN_ID) or
            SLURM; else made up.
        attempt: How often this training was restarted, for one id. None: the environment's PARAMEDIC_ATTEMPT, or how
            often torchrun and SLURM restarted it; one more when this process has written that attempt already.
        rank: Of this process in a distributed training. None: the environment's PARAMEDIC_RANK; among several
            processes, that of torchrun (RANK), SLURM or Open MPI; else 0.
        token: Bearer token that the service asks for. None: the environment's PARAMEDIC_TOKEN.
        tls_ca: File with PEM certificates that vouch for the service; implies TLS. None: the environment's
            PARAMEDIC_TLS_CA, or the system's certificates.
        spool_dir: Where telemetry is kept while the service is away. None: the environment's PARAMEDIC_SPOOL_DIR, or
            paramedic/spool in the user's state directory.
        stop_on: An open finding at least this severe sets `Run.should_stop`. None: none does.
        resume: What `Run.checkpoint` returned, as kept in a checkpoint: the run of that project and id goes on as its
            next attempt, counted from the checkpoint, the environment and what this machine's spool directory knows,
            whichever is highest.

    Returns:
        The run, ready for `log`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument, or a variable of the environment, makes no sense.
    """
    settings = resolve(project, name, url, mode, id, attempt, rank, token, tls_ca, spool_dir, stop_on, resume)
    if config is not None and not isinstance(config, Mapping):
        raise TypeError(f"config: expected a mapping, got {type(config).__name__}; for a namespace, pass vars(config)")
    description = initial_description(config)
    if description.config.ByteSize() > _MAX_CONFIG_BYTES:
        raise ValueError(f"config: {description.config.ByteSize()} bytes, expected at most {_MAX_CONFIG_BYTES}")
    if settings.mode is Mode.DISABLED or lifecycle.being_spawned():
        return DisabledRun(settings)
    if exposes_token(settings.endpoint):
        say(logging.WARNING, "the token travels to %s unencrypted; use grpcs://", settings.endpoint.target)
    if resume is not None:
        note_attempt(settings.spool_stem, settings.rank, settings.attempt)
    _finish_earlier(settings)
    while attempt is None and lifecycle.wrote(settings.spool_directory):
        settings = replace(settings, attempt=settings.attempt + 1)  # its steps begin anew, and those of a run never do
        _finish_earlier(settings)
    run = Run(settings, description)
    run.start()
    return run


def _finish_earlier(settings: Settings) -> None:
    """Finishes a run of this process with the same identity."""
    earlier = lifecycle.live(settings.identity.SerializeToString(deterministic=True))
    if earlier is not None:
        earlier.begin_finish(None, FINISH_TIMEOUT)
        earlier.await_finish(FINISH_TIMEOUT)
