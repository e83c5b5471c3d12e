"""Runs, their log, snapshots of its folding, and findings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything."""
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "runs",
        sa.Column("number", key, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("rank", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("last_report_at", sa.Double),
        sa.Column("last_step", sa.BigInteger),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("last_sequence", sa.BigInteger, nullable=False),
        sa.Column("last_position", sa.BigInteger, nullable=False),
        sa.Column("folded_position", sa.BigInteger, nullable=False),
        sa.Column("open_findings", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("project", "id", "attempt", "rank", name="runs_key"),
    )
    op.create_index("runs_by_project", "runs", ["project", "number"])
    op.create_table(
        "log",
        sa.Column("position", key, primary_key=True, autoincrement=False),
        sa.Column("run", sa.BigInteger, sa.ForeignKey("runs.number"), nullable=False),
        sa.Column("sequence", sa.BigInteger),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("first_step", sa.BigInteger),
        sa.Column("last_step", sa.BigInteger),
        # Last, because SQLite reads a row from its beginning and the body runs over many pages.
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("run", "sequence", name="log_sequence"),
    )
    op.create_index("log_by_run", "log", ["run", "position", "first_step", "last_step"])
    op.create_table(
        "snapshots",
        sa.Column("run", sa.BigInteger, sa.ForeignKey("runs.number"), primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "findings",
        sa.Column("number", key, primary_key=True),
        sa.Column("run", sa.BigInteger, sa.ForeignKey("runs.number"), nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("severity", sa.SmallInteger, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("run", "rule", name="findings_key"),
    )
    op.create_index("findings_by_change", "findings", ["changed_at", "number"])
    if op.get_bind().dialect.name == "postgresql":
        # Telemetry hardly compresses, and trying costs more than all the rest of an append.
        op.execute("ALTER TABLE log ALTER COLUMN body SET STORAGE EXTERNAL")
