"""PostgreSQL as the store's database."""

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from paramedic_service.store.database import Database
from paramedic_service.store.interface import StoreError

# Advisory locks are numbers, one name space a database: this one spells "paramedi".
WRITER_LOCK = int.from_bytes(b"paramedi", "big")
CONNECT_TIMEOUT = 10  # seconds


def open_postgresql(url: URL, read_only: bool) -> Database:
    """Connects to a PostgreSQL database.

    Raises:
        StoreError: The server cannot be reached, or another service writes to this database.
    """
    place = url.render_as_string(hide_password=True)
    url = url.set(drivername="postgresql+psycopg")
    arguments = {"connect_timeout": CONNECT_TIMEOUT, "application_name": "paramedic"}
    reader = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_pre_ping=True,  # readers come rarely, and after a restart of the server should not notice
        connect_args=arguments | {"options": "-c default_transaction_read_only=on"},
    )
    if read_only:
        return Database(place, reader, None)
    writer = create_engine(url, pool_size=1, max_overflow=0, connect_args=arguments)

    @event.listens_for(writer, "connect")
    def lock(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:  # noqa: ARG001
        # Bound to the session: the server lets go of it when this process dies, and a reconnect asks for it again.
        cursor = connection.cursor()
        cursor.execute(f"SELECT pg_try_advisory_lock({WRITER_LOCK})")
        granted = cursor.fetchall() == [(True,)]
        cursor.close()
        connection.commit()
        if not granted:
            connection.close()
            raise StoreError(
                f"another Paramedic service writes to {place}; stop it, or give this one another database with "
                "PARAMEDIC_STORE_URL"
            )

    return Database(place, reader, writer)
