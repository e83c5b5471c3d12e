"""A real Alertmanager that routes as the sample configuration says, to a receiver on loopback."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from support.prometheus import binary, free_address

SAMPLE = Path(__file__).parents[2] / "deploy" / "alertmanager" / "alertmanager.yaml"
_DEADLINE = 30.0


@contextmanager
def alerting(webhook: str, directory: Path) -> Iterator[str]:
    """Runs an Alertmanager; gives its address.

    Args:
        webhook: What the receiver `webhook` of the sample is replaced by.
        directory: Where it keeps its configuration, data and log.
    """
    address = free_address()
    config = yaml.safe_load(SAMPLE.read_text())
    [receiver] = [each for each in config["receivers"] if each["name"] == "webhook"]
    receiver["webhook_configs"][0]["url"] = webhook
    # Routing is what is tested; people's patience is not.
    for route in (config["route"], *config["route"]["routes"]):
        route |= {"group_wait": "100ms", "group_interval": "500ms"}
    (directory / "alertmanager.yaml").write_text(yaml.safe_dump(config))
    (directory / "paramedic.tmpl").write_text(SAMPLE.with_name("paramedic.tmpl").read_text())
    command = [
        binary("prometheus-alertmanager"),
        f"--config.file={directory / 'alertmanager.yaml'}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (directory / "alertmanager.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _DEADLINE
        while not _ready(address):
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Alertmanager did not start: {(directory / 'alertmanager.log').read_text()}")
            time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=_DEADLINE)


def _ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready").status_code == 200
    except httpx.TransportError:
        return False
