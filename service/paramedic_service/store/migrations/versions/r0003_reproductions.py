"""Reproductions, which are also the queue of those to run, and apart from them what is large about each."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the tables."""
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "reproductions",
        sa.Column("number", key, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("run_project", sa.Text),
        sa.Column("run_id", sa.Text),
        sa.Column("run_attempt", sa.BigInteger),
        sa.Column("run_rank", sa.BigInteger),
        sa.Column("incident", sa.Text, nullable=False),
        sa.Column("scenario", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("priority", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("losses", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("verdict", sa.LargeBinary),
        sa.UniqueConstraint("id", name="reproductions_key"),
    )
    op.create_index("reproductions_by_project", "reproductions", ["project", "number"])
    op.create_index("reproductions_by_run", "reproductions", ["run_id", "number"])
    op.create_index("reproductions_unsettled", "reproductions", ["settled", "number"])
    op.create_table(
        "reproduction_results",
        sa.Column(
            "reproduction", sa.BigInteger, sa.ForeignKey("reproductions.number"), primary_key=True, autoincrement=False
        ),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
    )
