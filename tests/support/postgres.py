"""A real PostgreSQL server for tests, thrown away afterwards."""

import contextlib
import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

USER = "paramedic"
STARTS = 3  # the free port may be taken by the time the server asks for it


@dataclass
class PostgresServer:
    """A running server on the loopback interface."""

    port: int
    password: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """A new, empty database; gives its URL."""
        name = f"test{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql+psycopg://{USER}:{self.password}@127.0.0.1:{self.port}/{name}"
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=self.password, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Starts a server for as long as the context lasts; skips the test where none is installed, unless in CI."""
    binaries = find_binaries()
    if binaries is None:
        reason = "PostgreSQL is not installed; tests/install-servers installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # Not under pytest's own directories: those are closed to the user that the server runs as.
    home = Path(tempfile.mkdtemp(prefix="paramedic-postgres-"))
    password = secrets.token_hex(16)
    # The server refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    try:
        if user:
            shutil.chown(home, user)
        data, log = home / "data", home / "log"
        secret = home / "password"
        secret.write_text(password)
        if user:
            shutil.chown(secret, user)

        def call(name: str, *arguments: str) -> None:
            command = [str(binaries / name), "-D", str(data), *arguments]
            done = subprocess.run(command, user=user, cwd=home, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = log.read_text() if log.exists() else ""
                raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}{lines}")

        call("initdb", "-A", "scram-sha-256", "-U", USER, f"--pwfile={secret}", "--no-sync")
        for attempt in itertools.count(1):
            port = free_port()
            options = f"-p {port} -h 127.0.0.1 -k {home} -c fsync=off"
            try:
                call("pg_ctl", "-w", "-l", str(log), "-o", options, "start")
                break
            except RuntimeError:
                if attempt == STARTS:
                    raise
        try:
            yield PostgresServer(port, password)
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home)


def find_binaries() -> Path | None:
    """The newest installed server's programs, where Debian puts them."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def free_port() -> int:
    """A TCP port that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
