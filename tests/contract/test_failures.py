"""What the store does when the database fails under it."""

import contextlib
import os
import resource
import socket
import sqlite3
import threading
from pathlib import Path

import pytest

from paramedic_service.store import sqlite
from paramedic_service.store.interface import StoreError
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import RunKey
from support.postgres import PostgresServer
from support.store_records import entry

KEY = RunKey("project", "run")


def test_a_full_disk_refuses_the_group_and_nothing_else(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/paramedic.db")
    run = store.register(KEY, "name", 1.0).number
    store.append([entry(run, 1)])
    group = [entry(run, 2), entry(run, 3, body=os.urandom(2**20))]

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"paramedic\.db: .*disk"):
            store.append(group)
        assert [record.sequence for record in store.read_log(run)] == [1]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert 0 not in store.append(group)
    assert [record.sequence for record in store.read_log(run)] == [1, 2, 3]
    store.close()


def test_another_program_that_locks_the_file_fails_the_call_but_not_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.01)
    file = tmp_path / "paramedic.db"
    store = open_store(f"sqlite:///{file}")
    run = store.register(KEY, "name", 1.0).number
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    for _ in range(2):
        with pytest.raises(StoreError, match=r"paramedic\.db: .*locked; end the other program"):
            store.append([entry(run, 1)])
    other.close()

    assert 0 not in store.append([entry(run, 1)])
    store.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/paramedic.db")
    store.close()
    store.close()

    with pytest.raises(StoreError, match="was closed"):
        store.register(KEY, "name", 1.0)


class CuttingProxy:
    """Stands between a client and a server; can cut the connection when a commit is done and its answer under way."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut_next_commit = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                committing = threading.Event()
                threading.Thread(target=self._forward, args=(client, server, committing), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server, committing), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket, committing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self.cut_next_commit.is_set() and b"COMMIT" in data:
                    self.cut_next_commit.clear()
                    committing.set()
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, client: socket.socket, server: socket.socket, committing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if committing.is_set():
                    break
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
            server.close()


def test_a_commit_whose_answer_was_lost_is_not_stored_again(postgres: PostgresServer) -> None:
    url = postgres.emptied_database()
    proxy = CuttingProxy(postgres.port)
    store = open_store(url.replace(f":{postgres.port}/", f":{proxy.port}/"))
    run = store.register(KEY, "name", 1.0).number
    group = [entry(run, 1), entry(run, 2)]

    proxy.cut_next_commit.set()
    with pytest.raises(StoreError):
        store.append(group)
    assert [record.sequence for record in store.read_log(run)] == [1, 2]

    assert [position > 0 for position in store.append([*group, entry(run, 3)])] == [False, False, True]
    assert [record.sequence for record in store.read_log(run)] == [1, 2, 3]
    store.close()
    proxy.close()


def test_a_lost_connection_fails_one_call_and_the_next_connects_again(postgres: PostgresServer) -> None:
    url = postgres.emptied_database()
    store = open_store(url)
    run = store.register(KEY, "name", 1.0).number
    store.append([entry(run, 1)])

    postgres.end_sessions()

    assert [record.sequence for record in store.read_log(run)] == [1]
    with pytest.raises(StoreError, match="make sure that the server runs"):
        store.append([entry(run, 2)])
    assert store.append([entry(run, 1), entry(run, 2)])[0] == 0
    assert [record.sequence for record in store.read_log(run)] == [1, 2]
    with pytest.raises(StoreError, match="another Paramedic service"):
        open_store(url)
    store.close()


def test_a_service_that_lost_its_database_to_another_writes_no_more(postgres: PostgresServer) -> None:
    url = postgres.emptied_database()
    first = open_store(url)
    run = first.register(KEY, "name", 1.0).number
    first.append([entry(run, 1)])
    postgres.end_sessions()
    second = open_store(url)

    for _ in range(3):
        with pytest.raises(StoreError):
            first.append([entry(run, 2)])

    assert [record.sequence for record in second.read_log(run)] == [1]
    second.append([entry(run, 2)])
    second.close()
    assert first.append([entry(run, 2), entry(run, 3)])[0] == 0
    assert [record.sequence for record in first.read_log(run)] == [1, 2, 3]
    first.close()
