import socket

import pytest


@pytest.fixture
def free_address():
    """An address where nothing listens, and nothing can while the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"
