"""The life of a worker process: job after job from one pipe, their events into another."""

import os
import threading

from paramedic.v1.reproduction_pb2 import WatchReproductionResponse
from paramedic_service.reproduction.worker.confinement import confine_job, confine_process
from paramedic_service.reproduction.worker.frames import frame, read_frame
from paramedic_service.reproduction.worker.job import Job, Run
from paramedic_service.reproduction.worker.performing import perform


def serve_jobs(run: Run) -> None:
    """Runs the jobs that come from standard input; their events go to what was standard output.

    From here on standard output is standard error, where the service keeps the end of what frameworks print. Returns
    when the service hangs up between two jobs; what happens when it does so within one is the tether's business.

    Args:
        run: Trains a job.
    """
    confine_process()
    jobs = os.fdopen(os.dup(0), "rb")
    events = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    writing = threading.Lock()

    def emit(event: WatchReproductionResponse) -> None:
        message = frame(event.SerializeToString())
        with writing:
            while message:
                message = message[os.write(events, message) :]

    while (packed := read_frame(jobs)) is not None:
        job = Job.from_bytes(packed)
        confine_job(job.limits)
        perform(run, job, emit)
