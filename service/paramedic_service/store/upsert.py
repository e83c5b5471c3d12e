"""Inserting rows in place of their older versions."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

INSERTS: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def upsert(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[dict[str, object]]) -> None:
    """Inserts rows; where one with the same key stands, sets its other columns.

    Args:
        connection: In a transaction.
        table: Where to.
        key: Columns of a unique constraint.
        rows: Values by column, the same columns in each; at least one row.
    """
    statement = INSERTS[connection.dialect.name](table)
    newer = {column: statement.excluded[column] for column in rows[0] if column not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=newer), rows)
