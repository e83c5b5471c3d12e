"""Opens the store that a URL names."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from paramedic_service.store import schema
from paramedic_service.store.database import Database
from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.postgresql import open_postgresql
from paramedic_service.store.sql import SqlStore
from paramedic_service.store.sqlite import open_sqlite

FORMS = "sqlite:////absolute/path.db or postgresql+psycopg://user:password@host/database"


def open_store(url: str, *, read_only: bool = False) -> Store:
    """Opens a store, bringing its database to the present schema.

    Args:
        url: `sqlite:///FILE`, created when it is missing, or `postgresql+psycopg://...`, which must exist.
        read_only: Changes nothing, and gets along with a service that writes to the same database.

    Raises:
        StoreError: The database cannot be opened, is newer than this code, or another service writes to it.

    Example:
        >>> store = open_store("sqlite:////tmp/paramedic.db")  # doctest: +SKIP
    """
    database = _open_database(url, read_only)
    try:
        if read_only:
            with database.reading() as connection:
                schema.require_current(connection, database.place)
        else:
            with database.writing() as connection:
                schema.upgrade(connection, database.place)
    except BaseException:
        database.close()
        raise
    return SqlStore(database)


def _open_database(url: str, read_only: bool) -> Database:
    try:
        parsed: URL = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"{url!r} is no database URL; use {FORMS}") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return open_postgresql(parsed, read_only)
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return open_sqlite(Path(str(parsed.database)).expanduser().absolute(), read_only)
    raise StoreError(f"{parsed.render_as_string(hide_password=True)} cannot hold the log; use {FORMS}")
