"""The tables, as the newest migration leaves them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy import Text as PlainText

# SQLite keeps a table in the order of its rowid, which only a key of exactly the type INTEGER stands for.
Key = BigInteger().with_variant(Integer, "sqlite")


class Text(TypeDecorator[str]):
    r"""Any Unicode text. PostgreSQL has no NUL character, so NUL is stored as `\0`, and the backslash doubled."""

    impl = PlainText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: D102
        return None if value is None else value.replace("\\", "\\\\").replace("\0", "\\0")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: D102
        if value is None or "\\" not in value:
            return value
        return "\\".join(part.replace("\\0", "\0") for part in value.split("\\\\"))


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("number", Key, primary_key=True),
    Column("project", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("attempt", BigInteger, nullable=False),
    Column("rank", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("last_report_at", Double),
    Column("last_step", BigInteger),
    Column("rows", BigInteger, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("folded_position", BigInteger, nullable=False),
    Column("open_findings", BigInteger, nullable=False),
    UniqueConstraint("project", "id", "attempt", "rank", name="runs_key"),
    Index("runs_by_project", "project", "number"),
)

log = Table(
    "log",
    metadata,
    Column("position", Key, primary_key=True, autoincrement=False),
    Column("run", BigInteger, ForeignKey("runs.number"), nullable=False),
    Column("sequence", BigInteger),
    Column("rows", BigInteger, nullable=False),
    Column("first_step", BigInteger),
    Column("last_step", BigInteger),
    Column("body", LargeBinary, nullable=False),
    # The store leaves repetitions out before they come here; this holds it to that.
    UniqueConstraint("run", "sequence", name="log_sequence"),
    # The steps stand in the index so that a range of them is found without touching the bodies in between.
    Index("log_by_run", "run", "position", "first_step", "last_step"),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("run", BigInteger, ForeignKey("runs.number"), primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("number", Key, primary_key=True),
    Column("run", BigInteger, ForeignKey("runs.number"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("run", "rule", name="findings_key"),
    Index("findings_by_change", "changed_at", "number"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("run", BigInteger, ForeignKey("runs.number"), primary_key=True, autoincrement=False),
    Column("open", Boolean, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("incidents_by_change", "changed_at", "run"),
)

# One a run; its contents may be large, and nobody lists them.
samples = Table(
    "samples",
    metadata,
    Column("run", BigInteger, ForeignKey("runs.number"), primary_key=True, autoincrement=False),
    Column("shared_at", Double, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("contents", LargeBinary, nullable=False),
)

reproductions = Table(
    "reproductions",
    metadata,
    Column("number", Key, primary_key=True),
    Column("id", Text, nullable=False),
    Column("project", Text, nullable=False),
    # Of the run by its key, all or none of them: not every reproduction is of a run.
    Column("run_project", Text),
    Column("run_id", Text),
    Column("run_attempt", BigInteger),
    Column("run_rank", BigInteger),
    Column("incident", Text, nullable=False),
    Column("scenario", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("attempts", BigInteger, nullable=False),
    Column("losses", BigInteger, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("verdict", LargeBinary),
    UniqueConstraint("id", name="reproductions_key"),
    Index("reproductions_by_project", "project", "number"),
    Index("reproductions_by_run", "run_id", "number"),
    Index("reproductions_unsettled", "settled", "number"),
)

# Apart from the rest, because listings read many reproductions and none of their curves.
reproduction_results = Table(
    "reproduction_results",
    metadata,
    Column("reproduction", BigInteger, ForeignKey("reproductions.number"), primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
    Column("report", Text, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("run", BigInteger, ForeignKey("runs.number"), primary_key=True, autoincrement=False),
    Column("incident", Text, primary_key=True),
    Column("severity", SmallInteger, nullable=False),
    Column("told_at", Double, nullable=False),
)
