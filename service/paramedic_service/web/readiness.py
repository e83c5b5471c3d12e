"""Whether the service should get work now."""

import asyncio
import time

from paramedic_service.ingest.service import IngestService
from paramedic_service.store.interface import Store, StoreError

# How long the store may take to write nothing, seconds: an orchestrator's probe does not wait much longer.
_PATIENCE = 5.0


class Readiness:
    """Checks what the service needs in order to take entries in."""

    def __init__(self, ingest: IngestService, store: Store) -> None:
        self._ingest = ingest
        self._store = store
        self._write: asyncio.Task[None] | None = None

    async def failures(self) -> dict[str, str]:
        """Returns why the service is not ready, by the check that failed; empty when it is."""
        trouble = {"ingest": self._ingest.trouble, "store": await self._store_trouble()}
        return {check: reason for check, reason in trouble.items() if reason is not None}

    async def _store_trouble(self) -> str | None:
        # Probes share one attempt: of a store that hangs, each would otherwise take a worker thread for good.
        if self._write is None or self._write.done():
            self._write = asyncio.create_task(asyncio.to_thread(self._store.checkpoint, (), time.time()))
        try:
            async with asyncio.timeout(_PATIENCE):
                await asyncio.shield(self._write)
        except StoreError as error:
            return str(error)
        except TimeoutError:
            return f"did not take an empty transaction within {_PATIENCE:.0f} s"
        return None
