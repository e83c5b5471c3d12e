"""One job within the process that trains it, whatever started that process."""

import os
import tempfile
import traceback

from paramedic.v1.reproduction_pb2 import (
    REPRODUCTION_STATE_FAILED,
    REPRODUCTION_STATE_FINISHED,
    Reproduction,
    WatchReproductionResponse,
)
from paramedic_service.reproduction.worker.job import Emit, Job, Run

FRAMEWORKS = frozenset({"tensorflow", "keras", "sklearn", "tf_keras", "jax"})


def perform(run: Run, job: Job, emit: Emit) -> None:
    """Runs a job in its directory, and emits its events with its end as the last one.

    The end is a `reproduction` with a state, FINISHED or FAILED with an error, and nothing else.
    """
    try:
        os.chdir(job.directory)
        # Frameworks write to where Python says that temporary files go; all of it is deleted with the directory.
        tempfile.tempdir = os.environ["TMPDIR"] = str(job.directory)
        run(job, emit)
    except Exception as error:
        # To the log as well, whose end stands in no message: people who run the service read it.
        traceback.print_exc()
        emit(_end(Reproduction(state=REPRODUCTION_STATE_FAILED, error=_told(error))))
    else:
        emit(_end(Reproduction(state=REPRODUCTION_STATE_FINISHED)))


def _end(reproduction: Reproduction) -> WatchReproductionResponse:
    return WatchReproductionResponse(reproduction=reproduction)


def _told(error: Exception) -> str:
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in FRAMEWORKS:
        return (
            f"the service cannot train: {error}; install paramedic[reproduction] where it runs, or"
            " paramedic[tensorflow1] for trainings of TensorFlow 1"
        )
    if isinstance(error, MemoryError):
        return (
            f"memory ran out ({error}): reproduce with fewer samples or smaller batches, or raise"
            " PARAMEDIC_REPRODUCTION_MEMORY"
        )
    if isinstance(error, ValueError | LookupError) and str(error):
        return str(error)
    return f"the trainer failed with {type(error).__name__}: {error}; the service's log has more of it"
