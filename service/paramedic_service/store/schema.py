"""Brings a database to the schema that this code reads, or says why it cannot."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from paramedic_service.store.interface import StoreError

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, place: str) -> None:
    """Takes the migrations that the database lacks, within the connection's transaction.

    Raises:
        StoreError: The database was written by a newer release, or by something else.
    """
    if _is_current(connection, place):
        return
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def require_current(connection: Connection, place: str) -> None:
    """Makes sure that the database can be read without changing it.

    Raises:
        StoreError: The database was written by another release, older or newer, or by something else.
    """
    if not _is_current(connection, place):
        raise StoreError(
            f"{place} was written by an older release of Paramedic, or holds nothing yet; "
            "start the service on it once, which brings it up to date"
        )


def _is_current(connection: Connection, place: str) -> bool:
    scripts = ScriptDirectory(str(MIGRATIONS))
    known = {script.revision for script in scripts.walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    if not found <= known:
        raise StoreError(
            f"{place} has schema {', '.join(sorted(found - known))}, which this release of Paramedic does not know "
            f"(it knows up to {scripts.get_current_head()}): it was written by a newer release, or by another "
            "application; upgrade Paramedic, or give it a database of its own with PARAMEDIC_STORE_URL"
        )
    return found == set(scripts.get_heads())
