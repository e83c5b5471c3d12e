"""Samples that authors of runs share, one a run."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "samples",
        sa.Column("run", sa.BigInteger, sa.ForeignKey("runs.number"), primary_key=True, autoincrement=False),
        sa.Column("shared_at", sa.Double, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("contents", sa.LargeBinary, nullable=False),
    )
