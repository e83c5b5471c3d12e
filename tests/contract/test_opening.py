import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from paramedic_service.store import sqlite, tables
from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import RunKey
from support.store_records import entry

KEY = RunKey("project", "run")
FIRST_TABLES = {"runs", "log", "snapshots", "findings"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "paramedic.db"


@pytest.fixture
def filled(file: Path) -> Path:
    """A closed SQLite database with a run and 20 entries of 10 kB."""
    store = open_store(f"sqlite:///{file}")
    run = store.register(KEY, "name", 1.0).number
    store.append([entry(run, n, step=n, body=os.urandom(10_000)) for n in range(1, 21)])
    store.close()
    return file


@pytest.fixture
def _unprivileged() -> Iterator[None]:
    """Root may do anything with any file: becomes nobody while the test runs."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def set_revision(url: str, revision: str) -> str:
    """Pretends that the database has another schema; gives the one it has."""
    engine = create_engine(url)
    with engine.begin() as connection:
        present = connection.scalar(text("SELECT version_num FROM alembic_version"))
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()
    return str(present)


def test_migrations_lead_to_the_tables_that_the_code_uses(url: str) -> None:
    open_store(url).close()

    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    engine.dispose()


def test_a_database_with_a_newer_schema_is_refused_and_left_alone(url: str) -> None:
    open_store(url).close()
    present = set_revision(url, "9999")

    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"9999.*newer release.*upgrade Paramedic"):
            open_store(url, read_only=read_only)

    set_revision(url, present)
    open_store(url).close()


def test_a_database_of_the_first_release_is_brought_up_to_date_with_what_it_holds(url: str) -> None:
    store = open_store(url)
    run = store.register(KEY, "name", 1.0).number
    store.close()
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name not in FIRST_TABLES:
                table.drop(connection)
    engine.dispose()
    set_revision(url, "0001")

    store = open_store(url)

    found = store.get_run(KEY)
    assert found is not None
    assert found.number == run
    assert store.list_incidents().items == []
    assert store.list_reproductions().items == []
    store.close()


def test_a_database_that_holds_nothing_cannot_be_only_read(url: str, file: Path) -> None:
    sqlite3.connect(file).close()
    if url.startswith("sqlite"):
        file.touch()

    with pytest.raises(StoreError, match="start the service on it once"):
        open_store(url, read_only=True)


def test_a_second_service_is_refused_until_the_first_has_closed(url: str) -> None:
    first = open_store(url)

    with pytest.raises(StoreError, match=r"another Paramedic service.*PARAMEDIC_STORE_URL"):
        open_store(url)

    first.register(KEY, "name", 1.0)
    first.close()
    open_store(url).close()


def test_a_reader_follows_a_service_that_writes(store: Store, url: str) -> None:
    run = store.register(KEY, "name", 1.0).number
    store.append([entry(run, 1)])

    reader = open_store(url, read_only=True)
    store.append([entry(run, 2)])

    assert [record.sequence for record in reader.read_log(run)] == [1, 2]
    assert reader.get_run(KEY) == store.get_run(KEY)
    reader.close()


def test_a_reader_changes_nothing(store: Store, url: str) -> None:
    run = store.register(KEY, "name", 1.0).number
    reader = open_store(url, read_only=True)

    for change in (
        lambda: reader.append([entry(run, 1)]),
        lambda: reader.register(KEY, "name", 1.0),
        lambda: reader.checkpoint([], 1.0),
    ):
        with pytest.raises(StoreError, match="for reading only"):
            change()
    reader.close()


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:"],
)
def test_a_url_that_names_no_store_is_refused_with_the_forms_that_do(url: str) -> None:
    with pytest.raises(StoreError, match=r"sqlite:////absolute/path.db or postgresql\+psycopg://"):
        open_store(url)


def test_a_password_stays_out_of_messages() -> None:
    for url in ("postgresql://me:secret@127.0.0.1:1/db", "mysql://me:secret@host/db"):
        with pytest.raises(StoreError) as caught:
            open_store(url)
        assert "secret" not in str(caught.value)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/db.*make sure that the server runs"):
        open_store("postgresql+psycopg://me@127.0.0.1:1/db")


def test_the_directory_of_a_new_file_is_made(tmp_path: Path) -> None:
    file = tmp_path / "a directory" / "of ours" / "ünï#code.db"

    open_store(f"sqlite:///{file}").close()

    assert file.is_file()


def test_a_file_that_is_not_there_cannot_be_only_read(file: Path) -> None:
    with pytest.raises(StoreError, match=r"paramedic\.db does not exist"):
        open_store(f"sqlite:///{file}", read_only=True)

    assert not file.exists()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("content", [b"no database at all" * 1000, b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_file_that_is_no_database_is_named_and_left_alone(file: Path, content: bytes, read_only: bool) -> None:
    file.write_bytes(content)

    with pytest.raises(StoreError, match=r"paramedic\.db: .*damaged.*restore it from a backup, or move it away"):
        open_store(f"sqlite:///{file}", read_only=read_only)

    assert file.read_bytes() == content


def test_damage_behind_the_first_page_is_named_when_it_is_met(filled: Path) -> None:
    with filled.open("r+b") as stream:
        stream.seek(sqlite.PAGE_SIZE)
        stream.write(b"\xff" * (filled.stat().st_size - sqlite.PAGE_SIZE))

    with pytest.raises(StoreError, match=r"paramedic\.db: .*damaged.*restore it from a backup, or move it away"):
        list(open_store(f"sqlite:///{filled}").read_log(1))


@pytest.mark.usefixtures("_unprivileged")
def test_a_directory_that_cannot_be_written_is_named() -> None:
    with pytest.raises(StoreError, match=r"/proc/nowhere.*make its directory writable"):
        open_store("sqlite:////proc/nowhere/paramedic.db")


def test_a_file_of_an_earlier_process_opens_with_all_it_held(filled: Path) -> None:
    assert not filled.with_name(filled.name + "-wal").exists()

    reader = open_store(f"sqlite:///{filled}", read_only=True)

    assert len(list(reader.read_log(1))) == 20
    reader.close()


def test_the_write_ahead_log_starts_over_while_appending_goes_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_EVERY", 2**20)
    store = open_store(f"sqlite:///{file}")
    run = store.register(KEY, "name", 1.0).number
    write_ahead_log = file.with_name(file.name + "-wal")
    body = os.urandom(2**16)
    written = 0

    for sequence in range(1, 5000):
        store.append([entry(run, sequence, body=body)])
        written += len(body)
        if written > 16 * 2**20 and written > 3 * write_ahead_log.stat().st_size:
            break
    else:
        pytest.fail(f"{written} bytes written, and the write-ahead log has {write_ahead_log.stat().st_size}")

    assert [record.sequence for record in store.read_log(run)] == list(range(1, sequence + 1))
    store.close()
