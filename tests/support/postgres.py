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
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

USER = "paramedic"
STARTS = 3  # the free port may be taken by the time the server asks for it


@dataclass(frozen=True)
class PostgresServer:
    """A running server on the loopback interface, with one database."""

    port: int
    password: str

    def emptied_database(self) -> str:
        """Ends whatever sessions are left over, empties the database and gives its URL.

        Much quicker than making a new database for each test.
        """
        self.end_sessions()
        self._execute("DROP SCHEMA public CASCADE")
        self._execute("CREATE SCHEMA public")
        return f"postgresql+psycopg://{USER}:{self.password}@127.0.0.1:{self.port}/postgres"

    def end_sessions(self) -> None:
        """Cuts every connection to the database."""
        self._execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def _execute(self, statement: LiteralString) -> None:
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
