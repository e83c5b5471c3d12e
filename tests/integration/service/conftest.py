"""A service on loopback with a store of its own, for every test."""

import pytest

from support.service import channel_to, serving, settings_in


@pytest.fixture
async def service(tmp_path):
    async with serving(settings_in(tmp_path)) as server:
        yield server


@pytest.fixture
async def channel(service):
    async with channel_to(service.grpc_port) as channel:
        yield channel
