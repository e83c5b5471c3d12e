"""Delivers what runs left on disk."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from paramedic.directory_lock import DirectoryInUseError
from paramedic.drops import Drops
from paramedic.outbox import Outbox
from paramedic.settings import resolve_endpoint
from paramedic.spool import Spool, spool_directories
from paramedic.transport import Endpoint
from paramedic.uplink import Arrival, Uplink
from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest

# A run is given up after so many attempts to connect without any progress,
MAX_FAILURES = 4
# or when the service answers for nothing for so long, seconds: longer than it may ask to hold back.
PATIENCE = 90.0

_POLL = 0.25


@dataclass(frozen=True, slots=True)
class RunSync:
    """What became of one run's spool.

    Attributes:
        directory: Where it was.
        run: "project/id", with attempt and rank where they are not 0; empty when nobody can tell.
        entries: Log entries found.
        delivered: Entries that were sent and that the service acknowledged.
        already_stored: Entries that needed no sending: the service has them from an earlier delivery.
        lost: Rows that could not be read or were refused, by reason.
        error: Why the spool, or a part of it, is still there; None when everything is delivered.
        findings: What the service found in it, the latest version of each.
    """

    directory: Path
    run: str
    entries: int = 0
    delivered: int = 0
    already_stored: int = 0
    lost: tuple[tuple[str, int], ...] = ()
    error: str | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What became of every spool.

    Attributes:
        runs: In order of their directories.
    """

    runs: tuple[RunSync, ...]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to deliver."""
        return all(run.error is None for run in self.runs)


def sync(
    directory: str | os.PathLike[str],
    url: str | None = None,
    token: str | None = None,
    tls_ca: str | os.PathLike[str] | None = None,
    on_progress: Callable[[RunSync], None] | None = None,
) -> SyncReport:
    """Delivers every run's spool at or below a directory, and removes what the service has.

    It may be interrupted and repeated at will: the service says what it has, and nothing is stored twice. Runs that are
    still being written are left alone.

    Args:
        directory: A run's spool directory, or one above many.
        url: As in `paramedic.init`, like token and tls_ca.
        token: Bearer token.
        tls_ca: PEM file.
        on_progress: Called whenever the service has answered for more of a run.

    Returns:
        One line a run; what failed says why.

    Raises:
        NotADirectoryError: There is no such directory.
        TypeError: An argument is of the wrong type.
        ValueError: The address, the token or the file of certificates cannot be used.
    """
    root = Path(directory)
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is no directory; name a spool directory, such as PARAMEDIC_SPOOL_DIR")
    endpoint = resolve_endpoint(url, token, tls_ca)
    return SyncReport(tuple(_deliver(path, endpoint, on_progress) for path in spool_directories(root)))


def _deliver(directory: Path, endpoint: Endpoint, on_progress: Callable[[RunSync], None] | None) -> RunSync:
    drops = Drops(str(directory))
    try:
        spool = Spool(directory, drops)
    except DirectoryInUseError:
        return RunSync(directory, "", error="in use: its training is still running")
    except (OSError, ValueError) as error:
        return RunSync(directory, "", error=str(error))
    registration = spool.registration
    run = _label(registration)
    entries = spool.entries
    outbox = Outbox(drops, directory, registration)
    outbox.adopt(spool)
    inbox: SimpleQueue[Arrival] = SimpleQueue()
    findings: dict[str, Finding] = {}

    def found(finding: Finding) -> None:
        findings[finding.rule] = finding

    uplink = Uplink(endpoint, registration, outbox, inbox, drops, found, lambda _: None, lambda: None, run)

    def report(error: str | None) -> RunSync:
        corrupt = drops.totals().get("corrupt_spool", 0)
        return RunSync(
            directory,
            run,
            entries,
            outbox.acknowledged,
            max(0, entries - outbox.acknowledged - outbox.refused - corrupt) if outbox.empty else 0,
            tuple(sorted(drops.totals().items())),
            error,
            tuple(findings.values()),
        )

    try:
        progress = -1
        since = time.monotonic()
        while not outbox.empty:
            uplink.work()
            uplink.wait(_POLL)
            if uplink.settled != progress:
                progress = uplink.settled
                since = time.monotonic()
                if on_progress is not None:
                    on_progress(report(None))
            elif uplink.failures >= MAX_FAILURES and uplink.failure is not None:
                return report(f"{uplink.failure.code.name}: {uplink.failure.details}")
            elif time.monotonic() - since > PATIENCE:
                return report(f"the service at {endpoint.target} did not answer for {PATIENCE:.0f} s")
        return report(None)
    finally:
        uplink.disconnect()
        outbox.close()


def _label(registration: bytes) -> str:
    run: RunIdentity = StreamTelemetryRequest.FromString(registration).register.run
    attempt = f" attempt {run.attempt}" if run.attempt else ""
    rank = f" rank {run.rank}" if run.rank else ""
    return f"{run.project}/{run.id}{attempt}{rank}"
