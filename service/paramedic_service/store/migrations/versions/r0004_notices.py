"""Notices: which incidents people were told of and have not been told the end of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "notices",
        sa.Column("run", sa.BigInteger, sa.ForeignKey("runs.number"), primary_key=True, autoincrement=False),
        sa.Column("incident", sa.Text, primary_key=True),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("told_at", sa.Double, nullable=False),
    )
