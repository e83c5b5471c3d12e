import pytest

from support.command import serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service of this module's own, without runs."""
    with serving(tmp_path_factory.mktemp("service")) as service:
        yield service
