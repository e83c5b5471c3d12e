"""Everything about the service that whoever runs it may choose."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MEBIBYTE = 1024 * 1024


def default_data_dir() -> Path:
    """Where the service keeps its data unless told otherwise: the XDG data directory of its user."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "paramedic"


def default_store_url() -> str:
    """An SQLite file in the user's data directory."""
    return f"sqlite:///{default_data_dir() / 'paramedic.db'}"


class Settings(BaseSettings):
    """Settings of the service, read from the environment: `PARAMEDIC_` and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="PARAMEDIC_", use_attribute_docstrings=True, frozen=True)

    grpc_host: str = "127.0.0.1"
    """Address that gRPC listens on. Anything but a loopback address should come with a token and TLS."""

    grpc_port: int = Field(50051, ge=0, le=65535)
    """Port that gRPC listens on; 0 takes a free one."""

    http_host: str = "127.0.0.1"
    """Address that metrics, probes and pages listen on."""

    http_port: int = Field(9850, ge=0, le=65535)
    """Port that metrics, probes and pages listen on; 0 takes a free one."""

    store_url: str = Field(default_factory=default_store_url)
    """Where runs are kept: `sqlite:///PATH` or `postgresql+psycopg://USER:PASSWORD@HOST/DATABASE`."""

    rules_file: Path | None = None
    """TOML file with parameters of rules, for all projects or for one. Unset: every rule has its defaults."""

    token: SecretStr | None = None
    """What callers must send as `authorization: Bearer TOKEN`. Unset: everybody may call."""

    tls_certificate: Path | None = None
    """PEM file with the certificate chain that gRPC shows. Unset: no TLS."""

    tls_key: Path | None = None
    """PEM file with the certificate's private key."""

    max_request_bytes: int = Field(4 * MEBIBYTE, ge=MEBIBYTE, le=256 * MEBIBYTE)
    """Largest request that is read, bytes."""

    max_streams: int = Field(10_000, ge=1)
    """Telemetry streams open at a time."""

    max_runs: int = Field(10_000, ge=1)
    """Runs held in memory at a time; those that ended or went quiet make room."""

    max_tensors: int = Field(10_000, ge=1)
    """Entries of one run's tensor table."""

    max_sample_bytes: int = Field(64 * MEBIBYTE, ge=1, le=512 * MEBIBYTE)
    """Largest sample of its data that a run may share for reproductions, bytes; the newest of each run is kept."""

    max_layer_series: int = Field(10_000, ge=0)
    """Per-layer series of each metric in the exposition, over all runs; what is cut off is itself a metric."""

    metrics_linger: float = Field(300.0, ge=0)
    """How long a run that ended stays in the exposition, seconds: a few scrapes."""

    run_expiry: float = Field(86_400.0, gt=0)
    """How long a run that never ended may be quiet before it leaves memory, seconds. It comes back when it reports."""

    notify_url: SecretStr | None = None
    """Webhook that is told of incidents, for teams without Alertmanager. Unset: nobody is told."""

    notify_layout: Literal["json", "slack"] = "json"
    """What the webhook takes: JSON for programs, or the messages of Slack and of what is compatible with it."""

    notify_secret: SecretStr | None = None
    """Signs what is sent to the webhook. Unset: it is not signed."""

    notify_severity: Literal["info", "warning", "critical"] = "critical"
    """Least severity of an incident that the webhook is told of."""

    notify_rate: int = Field(10, ge=1, le=600)
    """Messages a minute to the webhook, at most; what is held back is told later, as it is by then."""

    runbooks_url: str = "deploy/runbooks"
    """Where people read the runbooks; messages link to its pages."""

    auto_reproduce: Annotated[frozenset[str], NoDecode] = frozenset()
    """Projects, separated by commas, whose critical incidents are reproduced without being asked; `*` for all."""

    auto_reproduce_rate: int = Field(6, ge=1, le=1000)
    """Reproductions an hour that the service asks for by itself, at most; what is held back is queued later."""

    reproduction_jobs: int = Field(1, ge=1, le=64)
    """Reproductions at a time where there is no GPU, on one machine. With GPUs it is one on each."""

    reproduction_ray: str | None = None
    """Head of the Ray cluster that reproductions are trained on, `HOST:PORT`; this machine must be one of its nodes,
    and all of them have this release installed. Unset: they are trained on this machine."""

    reproduction_ray_resource: str = ""
    """Custom resource of which a reproduction takes one, so that only nodes that have it train. Unset: all may."""

    reproduction_queue: int = Field(1000, ge=1)
    """Reproductions that may be queued or run at a time."""

    reproduction_seconds: float = Field(1800.0, gt=0)
    """How long a reproduction may run, seconds."""

    reproduction_memory: int = Field(2048 * MEBIBYTE, ge=16 * MEBIBYTE)
    """Memory that the trainings of a reproduction may take, bytes."""

    reproduction_framework_memory: int = Field(3072 * MEBIBYTE, ge=256 * MEBIBYTE)
    """Memory that a training process may take on top of that, bytes: the framework itself, and what it compiles."""

    reproduction_disk: int = Field(512 * MEBIBYTE, ge=MEBIBYTE)
    """What a reproduction may write to the disk, bytes; all of it is deleted afterwards."""

    reproduction_parameters: int = Field(5_000_000, ge=1)
    """Weights of a model that is reproduced."""

    reproduction_samples: int = Field(20_000, ge=1)
    """Samples that a reproduction is trained on and measured with."""

    reproduction_steps: int = Field(5_000, ge=1)
    """Optimizer steps of one training of a reproduction."""

    reproduction_seeds: int = Field(10, ge=1)
    """Trainings of one arm of a reproduction."""

    reproduction_arms: int = Field(32, ge=1)
    """Arms of a reproduction."""

    reproduction_worker_idle: float = Field(300.0, ge=0)
    """How long a training process without a job is kept for the next one, seconds: it has its framework imported."""

    reproduction_worker_jobs: int = Field(20, ge=1)
    """Reproductions after which a training process is replaced: frameworks never give all memory back."""

    drain_grace: float = Field(10.0, ge=0)
    """How long a stopping service waits for what it has taken in to become durable, seconds."""

    @field_validator("auto_reproduce", mode="before")
    @classmethod
    def _projects_are_separated_by_commas(cls, given: object) -> object:
        if isinstance(given, str):
            return frozenset(name for name in map(str.strip, given.split(",")) if name)
        return given

    @model_validator(mode="after")
    def _certificate_and_key_come_together(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("set PARAMEDIC_TLS_CERTIFICATE and PARAMEDIC_TLS_KEY together, or neither")
        return self
