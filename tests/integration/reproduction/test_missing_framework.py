"""A service without TensorFlow, which serves all the same."""

import asyncio
from pathlib import Path

import pytest

from paramedic.v1.reproduction_pb2 import REPRODUCTION_STATE_FAILED, CreateReproductionRequest
from support.reproductions import DEADLINE, ended
from support.service import serving, settings_in


@pytest.fixture(autouse=True)
def _no_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = 'raise ModuleNotFoundError("No module named \'tensorflow\'", name="tensorflow")'
    (tmp_path / "tensorflow.py").write_text(missing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


async def test_reproductions_fail_with_the_extra_to_install(tmp_path: Path) -> None:
    async with serving(settings_in(tmp_path)) as server, asyncio.timeout(DEADLINE):
        request = CreateReproductionRequest(scenario="exploding-relu-rnn")
        created = await server.reproductions.requests.create(request)

        last = await ended(server.reproductions.service, created)

    assert last.state == REPRODUCTION_STATE_FAILED
    assert "No module named 'tensorflow'; install paramedic[reproduction] where it runs" in last.error
