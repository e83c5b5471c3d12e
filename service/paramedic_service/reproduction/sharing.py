"""Samples that authors of runs shared, from the store to files that trainings read."""

import threading
from pathlib import Path

from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.ingest.identity_validation import validate_identity
from paramedic_service.reproduction.data.shared import write_shared
from paramedic_service.reproduction.executors.scratch import Scratch
from paramedic_service.reproduction.origin import shared_by
from paramedic_service.store.interface import Store
from paramedic_service.store.records import RunKey

_MOST_FILES = 8


class SharedSamples:
    """Writes samples to files when they are asked for, and deletes those that were not for the longest.

    Its methods are for worker threads.

    Args:
        store: Where samples are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._scratch: Scratch | None = None
        self._files: dict[tuple[RunKey, float], Path] = {}
        self._written = 0

    def has(self, run: RunKey) -> bool:
        """Whether the author of a run shared a sample.

        Raises:
            StoreError: The store failed.
        """
        return self._store.sample_shared_at(run) is not None

    def file(self, spec: ReproductionSpec) -> Path | None:
        """The file with the sample that a specification wants; None where it wants none, or there is none.

        Raises:
            InvalidRequestError: It names a run that cannot be one.
            StoreError: The store failed.
            OSError: The file cannot be written.
        """
        identity = shared_by(spec)
        if identity is None:
            return None
        run = validate_identity(identity, "spec.data.shared")
        with self._lock:
            shared_at = self._store.sample_shared_at(run)
            if shared_at is None:
                return None
            known = self._files.pop((run, shared_at), None)
            path = self._write(run) if known is None else known
            if path is not None:
                self._files[run, shared_at] = path
            while len(self._files) > _MOST_FILES:
                # Whoever reads it has it open, and keeps it.
                self._files.pop(next(iter(self._files))).unlink(missing_ok=True)
            return path

    def close(self) -> None:
        """Deletes all files."""
        with self._lock:
            scratch, self._scratch = self._scratch, None
            self._files.clear()
            if scratch is not None:
                scratch.close()

    def _write(self, run: RunKey) -> Path | None:
        sample = self._store.sample(run)
        if sample is None:
            return None
        if self._scratch is None:
            self._scratch = Scratch()
        self._written += 1
        path = self._scratch.path / f"sample-{self._written}"
        write_shared(path, sample.header, sample.contents)
        return path
