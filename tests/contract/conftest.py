from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_service.store.interface import Store
from paramedic_service.store.opening import open_store
from support.postgres import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty database is; every test that uses it runs on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/paramedic.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.emptied_database()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()
