"""Incidents, all of a run in one row."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the table; runs that were judged before get their rows when they change or are taken up again."""
    op.create_table(
        "incidents",
        sa.Column("run", sa.BigInteger, sa.ForeignKey("runs.number"), primary_key=True, autoincrement=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("incidents_by_change", "incidents", ["changed_at", "run"])
