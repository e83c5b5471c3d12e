"""A worker whose trainings end as a test wants them: the first arm has the fault, the others do not.

Words in the title of a specification change that: "healthy" (the fault does not come back), "hopeless" (no remedy
helps), "broken" (the job fails), "wait=FILE" (the trainings wait until the file exists). Run by the local executor in
the place of the real worker; nothing is trained, so what surrounds the training can be tested without a framework.
"""

import sys
import time
from pathlib import Path

from paramedic.v1.reproduction_pb2 import ReproductionProgress, TrainingOutcome, WatchReproductionResponse
from paramedic_service.reproduction.worker.job import Emit, Job
from paramedic_service.reproduction.worker.process import serve_jobs
from paramedic_service.reproduction.worker.tether import tether

STEPS = range(1, 21)


def run(job: Job, emit: Emit) -> None:
    """Ends every training of a job at once."""
    spec = job.spec
    words = dict(word.partition("=")[::2] for word in spec.title.split())
    rule = spec.rules[0] if spec.rules else "divergence"
    seeds, total = spec.seeds or 3, len(spec.arms) * (spec.seeds or 3)
    progress = ReproductionProgress(trainings=total, steps=total * spec.steps, phase="training")
    emit(WatchReproductionResponse(progress=progress))
    if "wait" in words:
        while not Path(words["wait"]).exists():
            time.sleep(0.01)
    if "broken" in words:
        raise ValueError("this training cannot be; try another")
    for arm in range(len(spec.arms)):
        for seed in range(seeds):
            faulty = "healthy" not in words and (arm == 0 or "hopeless" in words)
            emit(WatchReproductionResponse(training=_ended(arm, seed, rule if faulty else "")))
            progress.ended += 1
            progress.steps_done += spec.steps
            emit(WatchReproductionResponse(progress=progress))


def _ended(arm: int, seed: int, rule: str) -> TrainingOutcome:
    loss = 10.0 + seed if rule else (1.0 + seed / 10) / (arm + 1)
    outcome = TrainingOutcome(arm=arm, seed=seed, final_loss=loss, final_error=loss / 20, duration=0.5)
    if rule:
        outcome.findings.add(rule=rule, opened_step=5, severity="SEVERITY_CRITICAL", family="gradients")
    growth = 1.1 if rule else 0.9
    for signal in ("loss", "gradient_norm"):
        outcome.curves.add(signal=signal, steps=STEPS, values=[loss * growth**step for step in STEPS])
    return outcome


if __name__ == "__main__":
    tether(int(sys.argv[1]))
    serve_jobs(run)
