"""The images of the Dockerfile, each built once."""

import time

import pytest

from support.containers import Containers, require_tools


@pytest.fixture(scope="session")
def containers(tmp_path_factory):
    require_tools()
    containers = Containers(tmp_path_factory.mktemp("containers"))
    yield containers
    containers.close()


def built(containers, target):
    start = time.monotonic()
    image = containers.build(target)
    print(f"\n{target}: built in {time.monotonic() - start:.0f} s")
    return image


@pytest.fixture(scope="session")
def service_image(containers):
    return built(containers, "service")


@pytest.fixture(scope="session")
def reproducer_image(containers):
    return built(containers, "reproducer")
