"""What the service has of its machine: memory, and room where its runs are kept."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.engine import make_url

# Where a container is told its bound: control groups of the second version, then of the first.
_BOUNDS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class MachineCollector(Collector):
    """Reads sizes at every scrape.

    Args:
        store_url: Of the store; only that of a file has a size and room here.
    """

    def __init__(self, store_url: str) -> None:
        url = make_url(store_url)
        self._file = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields one family a size that is known."""
        yield GaugeMetricFamily(
            "paramedic_memory_limit_bytes",
            "Memory that the service may use: its container's, or its machine's.",
            _memory(),
        )
        if self._file is None:
            return
        files = [self._file, self._file.with_name(self._file.name + "-wal")]
        size = sum(file.stat().st_size for file in files if file.exists())
        yield GaugeMetricFamily("paramedic_store_bytes", "Size of the store's files.", size)
        free = shutil.disk_usage(self._file.parent).free
        yield GaugeMetricFamily("paramedic_store_free_bytes", "Room left on the disk of the store's files.", free)


def _memory() -> int:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for bound in _BOUNDS:
        try:
            return min(machine, int(bound.read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return machine
