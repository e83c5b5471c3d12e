"""SQLite as the store's database: a file beside the service."""

import fcntl
import os
import sqlite3
import threading
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event

from paramedic_service.store.database import Database
from paramedic_service.store.interface import StoreError

PAGE_SIZE = 16_384  # bytes; a typical body fills two pages instead of seven
CACHE_SIZE = 16_384  # KiB; a whole group fits, so that none of it is written before its commit
CHECKPOINT_EVERY = 32 * 2**20  # bytes of log
# Behind the checkpointer's back, should it ever fall behind: a bound on the write-ahead log.
CHECKPOINT_AT_LATEST = 512 * 2**20 // PAGE_SIZE  # pages
BUSY_TIMEOUT = 10.0  # seconds
# On the disks measured, FULL costs 0.2 ms a commit over NORMAL, which a whole group shares; in return what was
# acknowledged outlives a power failure too, not only the death of the process.
DURABILITY = "synchronous = FULL"


class Checkpointer:
    """Moves the write-ahead log into the database file, beside the writer instead of in its way.

    SQLite's own checkpoints run inside a commit, which then takes as long as tens of megabytes take to write. Here a
    thread moves most of it while the writer goes on. What the writer added meanwhile it moves itself, after its next
    commit: the write-ahead log starts over only from a moment at which all of it was moved, and would grow for ever
    if there never was one.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        # Used by the thread from `_due` to `_moved`, by the writer from `_moved` on.
        self._connection = connection
        self._due = threading.Event()
        self._moved = threading.Event()
        self._idle = True
        self._closing = False
        self._unmoved = 0
        self._thread = threading.Thread(target=self._work, name="paramedic-checkpoint", daemon=True)
        self._thread.start()

    def wrote(self, size: int) -> None:
        """Takes note of bytes written; called by one thread at a time, after each commit."""
        self._unmoved += size
        if self._moved.is_set():
            self._moved.clear()
            self._move()
            self._unmoved = 0
            self._idle = True
        elif self._idle and self._unmoved >= CHECKPOINT_EVERY:
            self._idle = False
            self._due.set()

    def close(self) -> None:
        """Ends the thread."""
        self._closing = True
        self._due.set()
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while True:
            self._due.wait()
            self._due.clear()
            if self._closing:
                return
            self._move()
            self._moved.set()

    def _move(self) -> None:
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error:
            # Nothing is lost: all of it stays in the write-ahead log. If the disk is to blame, the next append says so.
            return


class SqliteDatabase(Database):
    """A SQLite file with its checkpointer, and the lock that keeps other services out."""

    def __init__(self, path: Path, guard: IO[str]) -> None:
        self._guard = guard
        super().__init__(str(path), _reader(path), _writer(path))
        self._checkpointer = Checkpointer(_connect(path, "rw", DURABILITY))

    def wrote(self, size: int) -> None:
        """Takes note of bytes appended to the log."""
        self._checkpointer.wrote(size)

    def close(self) -> None:
        """Closes every connection and lets other services in."""
        with self.lock:
            self._checkpointer.close()
            super().close()
        self._guard.close()


def open_sqlite(path: Path, read_only: bool) -> Database:
    """Opens a SQLite file, creating it and its directory unless it is only to be read.

    Raises:
        StoreError: The file cannot be opened, or another service writes to it.
    """
    if read_only:
        if not path.is_file():
            raise StoreError(f"{path} does not exist; name the database of a service that has run")
        return Database(str(path), _reader(path), None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        guard = _guard(path)
    except OSError as error:
        raise StoreError(f"{path}: {error}; make its directory writable, or set PARAMEDIC_STORE_URL") from error
    try:
        return SqliteDatabase(path, guard)
    except BaseException:
        guard.close()
        raise


def _guard(path: Path) -> IO[str]:
    """Takes the lock that one service holds on a database as long as it lives; the system frees it even after SIGKILL.

    SQLite itself lets several processes write by turns, but two services would fold and append over each other.
    """
    guard = path.with_name(path.name + ".lock").open("a+")
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        guard.seek(0)
        holder = guard.read().strip()
        guard.close()
        raise StoreError(
            f"another Paramedic service (process {holder}) writes to {path}; stop it, or give this one another "
            "database with PARAMEDIC_STORE_URL"
        ) from None
    guard.truncate(0)
    guard.write(f"{os.getpid()}\n")
    guard.flush()
    return guard


def _connect(path: Path, mode: str, *settings: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,  # transactions begin where we say so
        check_same_thread=False,  # the lock, or the pool, sees to that
    )
    try:
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


def _reader(path: Path) -> Engine:
    connect = partial(_connect, path, "ro")
    return create_engine("sqlite://", creator=connect, poolclass=QueuePool, isolation_level="AUTOCOMMIT")


def _writer(path: Path) -> Engine:
    connect = partial(
        _connect,
        path,
        "rwc",
        f"page_size = {PAGE_SIZE}",
        f"cache_size = -{CACHE_SIZE}",
        "journal_mode = WAL",
        DURABILITY,
        f"wal_autocheckpoint = {CHECKPOINT_AT_LATEST}",
    )
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=0)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # At once, because a transaction that reads first and then wants to write can fail at that point.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
