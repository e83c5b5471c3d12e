"""Past runs into the service: `paramedic.import_runs`."""

import os
from pathlib import Path
from typing import Any

from paramedic.past.reading import read
from paramedic.past.writing import identifier, write
from paramedic.settings import Mode, resolve
from paramedic.spool import has_spool
from paramedic.sync import SyncReport, sync


def import_runs(
    source: Any,
    project: str = "default",
    name: str | None = None,
    *,
    url: str | None = None,
    token: str | None = None,
    tls_ca: str | os.PathLike[str] | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
) -> SyncReport:
    """Stores past runs, where they are judged like any other.

    What another logger wrote becomes a run whose id depends on its contents alone: importing it twice stores it once.
    Where no service is in reach it stays on disk, for `paramedic sync`.

    Args:
        source: A TensorBoard event file or log directory (needs `paramedic[import]`); a .csv, .jsonl or .json file; a
            Keras `History`, or lists of numbers by signal.
        project: Of the runs.
        name: For people. None: the file's.
        url: As in `paramedic.init`, like token, tls_ca and spool_dir.
        token: Bearer token.
        tls_ca: PEM file.
        spool_dir: Where runs are kept until they are delivered.

    Returns:
        What became of every run, with its findings.

    Raises:
        paramedic.past.run.PastRunError: There is no past run in the source; a ValueError that says why.
        OSError: The source cannot be read, or the spool not written.
        TypeError: An argument is of the wrong type.
        ValueError: An argument makes no sense.
    """
    directories = spool(source, project, name, spool_dir)
    return SyncReport(tuple(run for each in directories for run in sync(each, url, token, tls_ca).runs))


def spool(source: Any, project: str, name: str | None, spool_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Writes every run of a source to disk, to be delivered.

    Raises:
        paramedic.past.run.PastRunError: There is no past run in the source.
        OSError: The source cannot be read, or the spool not written.
    """
    directories = []
    for past in read(source):
        settings = resolve(
            project, name or past.name, None, Mode.OFFLINE.value, identifier(past), 0, 0, None, None, spool_dir, None
        )
        # One that could not be delivered yet has the same id, and the same steps.
        kept = has_spool(settings.spool_directory)
        directories.append(settings.spool_directory if kept else write(past, settings))
    return directories
