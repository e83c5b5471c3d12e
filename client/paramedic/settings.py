"""What `init` was asked for, checked once: arguments first, then the environment, then defaults."""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from paramedic.attempts import spool_stem
from paramedic.findings import SEVERITIES
from paramedic.identity import check_name, identify
from paramedic.names import MAX_SIGNAL_CHARACTERS
from paramedic.transport import Endpoint
from paramedic.v1.run_pb2 import RunIdentity

DEFAULT_URL = "127.0.0.1:50051"
DEFAULT_PORT = 50051

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"", "0", "false", "no", "off"}
_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:/@\[\]]+)(?::(?P<port>\d{1,5}))?")
_LOOPBACK = re.compile(r"(localhost|127\.[\d.]+|\[::1\]):\d+")


class Mode(Enum):
    """Where telemetry goes: to the service, to disk only, or nowhere."""

    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one run.

    Attributes:
        project: Groups runs.
        id: Unique within the project.
        name: For people; empty when it is the id.
        attempt: How often this training was restarted.
        rank: Of this process in a distributed training.
        mode: Where telemetry goes.
        endpoint: Where the service is.
        spool_root: Directory under which every run has its spool.
        stop_on: Severity, as in the contract, from which an open finding asks the training to stop; None: never.
    """

    project: str
    id: str
    name: str
    attempt: int
    rank: int
    mode: Mode
    endpoint: Endpoint
    spool_root: Path
    stop_on: int | None

    @property
    def identity(self) -> RunIdentity:
        """As the contract has it."""
        return RunIdentity(project=self.project, id=self.id, attempt=self.attempt, rank=self.rank)

    @property
    def label(self) -> str:
        """Names the run in log lines."""
        attempt = f" attempt {self.attempt}" if self.attempt else ""
        rank = f" rank {self.rank}" if self.rank else ""
        return f"{self.project}/{self.id}{attempt}{rank}"

    @property
    def spool_directory(self) -> Path:
        """Of this run alone."""
        stem = self.spool_stem
        return stem.with_name(f"{stem.name}-{self.attempt}-{self.rank}")

    @property
    def spool_stem(self) -> Path:
        """What the spool directories of all attempts and ranks of this run begin with."""
        return spool_stem(self.spool_root, self.project, self.id)

    def without_token(self) -> "Settings":
        """What may be written into somebody's checkpoint."""
        return replace(self, endpoint=replace(self.endpoint, token=None))


def resolve(
    project: str,
    name: str | None,
    url: str | None,
    mode: str | None,
    id: str | None,  # noqa: A002  (the name it has in init)
    attempt: int | None,
    rank: int | None,
    token: str | None,
    tls_ca: str | os.PathLike[str] | None,
    spool_dir: str | os.PathLike[str] | None,
    stop_on: str | None,
    resume: object = None,
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Checks the arguments of `init` and fills in what they leave open.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument, or a variable of the environment, makes no sense.
    """
    if name is not None:
        check_name("name", name, MAX_SIGNAL_CHARACTERS)
    root = _spool_root(spool_dir, environment)
    identity = identify(project, id, attempt, rank, resume, root, environment)
    return Settings(
        project=identity.project,
        id=identity.id,
        name=name or "",
        attempt=identity.attempt,
        rank=identity.rank,
        mode=_mode(mode, environment),
        endpoint=resolve_endpoint(url, token, tls_ca, environment),
        spool_root=root,
        stop_on=_severity(stop_on),
    )


def resolve_endpoint(
    url: str | None = None,
    token: str | None = None,
    tls_ca: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Endpoint:
    """Finds out where the service is and how to be let in.

    Args:
        url: "host:port", "grpc://host:port" or, for TLS, "grpcs://host:port". None: PARAMEDIC_URL.
        token: Bearer token. None: PARAMEDIC_TOKEN.
        tls_ca: File with PEM certificates that vouch for the service; implies TLS. None: PARAMEDIC_TLS_CA.
        environment: Variables to fall back on.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: The address, the token or the file cannot be used.
    """
    source = "url" if url is not None else "PARAMEDIC_URL"
    if url is None:
        url = environment.get("PARAMEDIC_URL") or DEFAULT_URL
    target, tls = _address(source, url)
    token = token if token is not None else environment.get("PARAMEDIC_TOKEN") or None
    if token is not None:
        _check_token(token)
    authority = None
    tls_ca = tls_ca if tls_ca is not None else environment.get("PARAMEDIC_TLS_CA") or None
    if tls_ca is not None:
        try:
            authority = Path(tls_ca).expanduser().read_bytes()
        except OSError as error:
            raise ValueError(f"tls_ca: cannot read the certificates in {tls_ca}: {error.strerror}") from error
    tls = tls or authority is not None or _flag("PARAMEDIC_TLS", environment)
    return Endpoint(target, tls, authority, token)


def exposes_token(endpoint: Endpoint) -> bool:
    """Whether others on the network can read the token."""
    return endpoint.token is not None and not endpoint.tls and _LOOPBACK.fullmatch(endpoint.target) is None


def _check_token(token: object) -> None:
    if not isinstance(token, str):
        raise TypeError(f"token: expected a string, got {type(token).__name__}")
    if not token.isascii() or not token.isprintable() or token.strip() != token or not token:
        raise ValueError("token: expected printable ASCII without spaces around it; is there a line break at its end?")


def _mode(mode: str | None, environment: Mapping[str, str]) -> Mode:
    source = "mode" if mode is not None else "PARAMEDIC_MODE"
    if mode is None:
        mode = environment.get("PARAMEDIC_MODE") or Mode.ONLINE.value
    try:
        return Mode(mode)
    except ValueError:
        choices = ", ".join(repr(choice.value) for choice in Mode)
        raise ValueError(f"{source}: expected one of {choices}, got {mode!r}") from None


def _severity(stop_on: str | None) -> int | None:
    if stop_on is None:
        return None
    if stop_on not in SEVERITIES:
        raise ValueError(f"stop_on: expected one of {', '.join(map(repr, SEVERITIES))} or None, got {stop_on!r}")
    return SEVERITIES[stop_on]


def _address(source: str, url: object) -> tuple[str, bool]:
    if not isinstance(url, str):
        raise TypeError(f"{source}: expected a string, got {type(url).__name__}")
    scheme, separator, address = url.rpartition("://")
    match = _ADDRESS.fullmatch(address.removesuffix("/"))
    if (separator and scheme not in ("grpc", "grpcs")) or match is None:
        raise ValueError(f"{source}: expected host:port, grpc://host:port or grpcs://host:port (TLS), got {url!r}")
    port = int(match["port"] or DEFAULT_PORT)
    if not 0 < port < 2**16:
        raise ValueError(f"{source}: expected a port from 1 to 65535, got {port}")
    return f"{match['host']}:{port}", scheme == "grpcs"


def _flag(variable: str, environment: Mapping[str, str]) -> bool:
    value = environment.get(variable, "").strip().lower()
    if value not in _TRUE | _FALSE:
        raise ValueError(f"{variable}: expected 1 or 0, got {value!r}")
    return value in _TRUE


def _spool_root(spool_dir: str | os.PathLike[str] | None, environment: Mapping[str, str]) -> Path:
    if spool_dir is not None or environment.get("PARAMEDIC_SPOOL_DIR"):
        return Path(spool_dir if spool_dir is not None else environment["PARAMEDIC_SPOOL_DIR"]).expanduser().absolute()
    if environment.get("XDG_STATE_HOME"):
        return Path(environment["XDG_STATE_HOME"]) / "paramedic" / "spool"
    try:
        return Path.home() / ".local" / "state" / "paramedic" / "spool"
    except RuntimeError:  # an account without a home
        return Path(tempfile.gettempdir()) / f"paramedic-spool-{os.getuid()}"
