"""`python -m paramedic_service.reproduction.worker PARENT`: a worker of the service whose process id is given."""

import sys

from paramedic_service.reproduction.worker.tether import tether

tether(int(sys.argv[1]))

from paramedic_service.reproduction.worker.job import Emit, Job  # noqa: E402 (only what is tied may grow)
from paramedic_service.reproduction.worker.process import serve_jobs  # noqa: E402


def _run(job: Job, emit: Emit) -> None:
    # Imported within a job, so that a missing framework is that job's error, and an idle worker is small.
    from paramedic_service.reproduction.worker.run import run

    run(job, emit)


serve_jobs(_run)
