"""Statements over many rows at once.

The driver lets go of the interpreter lock around every statement, and under load gets it back only after the event
loop's turn: `executemany`, a statement a row, then takes milliseconds a row however fast the database is. One statement
with many rows waits once. SQLAlchemy compiles such a statement anew for each call, so these are plain SQL, the same
text for SQLite and PostgreSQL, and cached.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from sqlalchemy import Connection

Row = tuple[object, ...]

# Bounds the parameters of one statement: 65,535 in PostgreSQL, 32,766 in SQLite.
MOST_ROWS = 256
PLACEHOLDERS = {"qmark": "?", "format": "%s", "pyformat": "%s"}


def insert(connection: Connection, table: str, columns: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Inserts rows, each as long as `columns`."""
    placeholder = PLACEHOLDERS[connection.dialect.paramstyle]
    for part in _parts(rows):
        statement = _insert(table, columns, len(part), placeholder)
        connection.exec_driver_sql(statement, tuple(value for row in part for value in row))


def update(connection: Connection, table: str, key: str, columns: dict[str, str], rows: Sequence[Row]) -> int:
    """Sets columns of rows found by their key.

    Args:
        connection: In a transaction.
        table: What to update.
        key: Name of the key's column, a BIGINT.
        columns: SQL types by name of the columns to set.
        rows: Key and then the columns' values.

    Returns:
        How many rows were found.
    """
    placeholder = PLACEHOLDERS[connection.dialect.paramstyle]
    found = 0
    for part in _parts(rows):
        statement = _update(table, key, tuple(columns.items()), len(part), placeholder)
        result = connection.exec_driver_sql(statement, tuple(value for row in part for value in row))
        found += result.rowcount
    return found


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cuts rows into runs of powers of two, so that nine statements serve every number of rows."""
    start = 0
    while start < len(rows):
        size = min(MOST_ROWS, 1 << ((len(rows) - start).bit_length() - 1))
        yield rows[start : start + size]
        start += size


@cache
def _insert(table: str, columns: tuple[str, ...], rows: int, placeholder: str) -> str:
    row = f"({', '.join([placeholder] * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"  # noqa: S608


@cache
def _update(table: str, key: str, columns: tuple[tuple[str, str], ...], rows: int, placeholder: str) -> str:
    # Both databases name the columns of VALUES column1, column2, ... Types are said once: NULL alone has none.
    types = ["BIGINT", *(type_ for _, type_ in columns)]
    first = f"({', '.join(f'CAST({placeholder} AS {type_})' for type_ in types)})"
    row = f"({', '.join([placeholder] * len(types))})"
    changes = ", ".join(f"{column} = given.column{index}" for index, (column, _) in enumerate(columns, 2))
    values = ", ".join([first, *[row] * (rows - 1)])
    return f"UPDATE {table} SET {changes} FROM (VALUES {values}) AS given WHERE {table}.{key} = given.column1"  # noqa: S608
