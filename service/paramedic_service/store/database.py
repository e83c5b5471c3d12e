"""The way into a database: one connection that writes, others that read, and errors that say what to do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from paramedic_service.store.interface import StoreError

# What to do, by what the database's own words contain.
ADVICE = {
    "disk is full": "free space on its disk; nothing that was acknowledged is lost",
    "no space left": "free space on its disk; nothing that was acknowledged is lost",
    "malformed": "the file is damaged: restore it from a backup, or move it away to begin with an empty one",
    "not a database": "the file is damaged or no database at all: restore it from a backup, or move it away to begin "
    "with an empty one",
    "readonly": "make the file and its directory writable for the service's user",
    "read-only": "connect as a user who may write",
    "unable to open": "make sure that its directory exists and that the service's user may read and write in it",
    "disk i/o error": "check the disk it lies on",
    "locked": "end the other program that holds it",
    "password authentication failed": "correct user or password in PARAMEDIC_STORE_URL",
    "connection": "make sure that the server runs and that PARAMEDIC_STORE_URL names it",
}


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raises what the database reports as `StoreError`, without the parameters: they are telemetry, and huge."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
        advice = next((advice for words, advice in ADVICE.items() if words in cause.lower()), "see the database's log")
        raise StoreError(f"{place}: {cause}; {advice}") from error


class Database:
    """One database, opened.

    Attributes:
        place: Where it is, for messages; never a password.
        lock: Held by whoever writes. Reentrant, so that a writer can settle its own affairs before another begins.
    """

    def __init__(self, place: str, reader: Engine, writer: Engine | None) -> None:
        self.place = place
        self.lock = threading.RLock()
        self._reader = reader
        self._writer = writer
        with translated(place):
            self._connection = writer.connect() if writer else None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction on the connection that writes, committed at the end, rolled back on any error."""
        if self._writer is None:
            raise StoreError(f"{self.place} was opened for reading only; open it again to write")
        if self._connection is None:
            raise StoreError(f"{self.place} was closed; open it again")
        with self.lock, translated(self.place), self._connection.begin():
            yield self._connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that reads beside the writer; every statement sees what was committed before it."""
        with translated(self.place), self._reader.connect() as connection:
            yield connection

    def wrote(self, size: int) -> None:
        """Takes note of bytes appended to the log."""

    def close(self) -> None:
        """Closes every connection."""
        with self.lock:
            self._reader.dispose()
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            # Last, because SQLite tidies up when its last connection closes, and needs one that may write.
            if self._writer is not None:
                self._writer.dispose()
