"""One training of the demo: its process, and what the service knows of its run."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paramedic.v1 import diagnosis_pb2, run_pb2
from paramedic.v1.finding_pb2 import Finding
from paramedic_service.cli.connection import Service
from paramedic_service.cli.demo.processes import Process, running
from paramedic_service.cli.demo.verdict import Expectation, Verdict, judge

PROJECT = "demo"


@dataclass(slots=True)
class Training:
    """A training that was started.

    Attributes:
        expectation: What should be found in it.
        process: It.
        run: Its run, as the service knows it.
        steps: Steps that it will take; None while unknown.
        last_step: Latest step that the service has; None before the first.
        loss: At that step.
        ended: Whether the service knows that the run ended.
        found: Step at which each rule's finding first opened, by rule.
        cause: Title of the most likely cause of its worst incident; empty when there is none.
    """

    expectation: Expectation
    process: Process
    run: run_pb2.RunIdentity
    steps: int | None = None
    last_step: int | None = None
    loss: float | None = None
    ended: bool = False
    found: dict[str, int] = field(default_factory=dict)
    cause: str = ""

    @property
    def name(self) -> str:
        """Name of the training."""
        return self.expectation.training

    @property
    def verdict(self) -> Verdict:
        """What was found so far, held against what was expected."""
        return judge(self.expectation, self.found)

    @property
    def complaints(self) -> list[str]:
        """What is wrong with how it went; empty when all is as expected."""
        verdict, found = self.verdict, []
        if self.process.exit_status != 0:
            found.append(f"the training ended with status {self.process.exit_status}")
        elif not self.ended:
            found.append("the service never heard the end of its run")
        if verdict.missing:
            found.append("found none of " + ", ".join(verdict.missing))
        found += [f"{rule} was found at step {self.found[rule]} and should not be" for rule in verdict.surplus]
        return found

    def take(self, finding: Finding) -> None:
        """Remembers a finding on the run."""
        self.found.setdefault(finding.rule, finding.opened_step)

    def explain(self, service: Service) -> None:
        """Asks the service for the cause of what was found."""
        request = diagnosis_pb2.ListIncidentsRequest(project=PROJECT, run_id=self.run.id)
        causes = [incident.causes[0].title for incident in service.incidents(request) if incident.causes]
        self.cause = causes[0] if causes else ""

    def refresh(self, service: Service, run: run_pb2.Run) -> None:
        """Asks the service for the state of the run."""
        self.ended = run.state != run_pb2.RUN_STATE_RUNNING
        if self.steps is None:
            plan = service.run(self.run).description.training
            self.steps = plan.epochs * plan.steps_per_epoch or None
        if run.HasField("last_step") and run.last_step != self.last_step:
            self.last_step = run.last_step
            request = diagnosis_pb2.GetTelemetryRequest(run=self.run, scalars=["loss"], first_step=run.last_step)
            for series in service.telemetry(request):
                self.loss = series.values[-1] if series.values else self.loss


@contextlib.contextmanager
def training(
    expectation: Expectation, suffix: str, url: str, environment: Mapping[str, str], directory: Path
) -> Iterator[Training]:
    """Trains for as long as the block lasts, or until the training is done.

    Args:
        expectation: What should be found.
        suffix: Tells this demo's runs from those of others.
        url: Where the service listens.
        environment: What the client needs to get there.
        directory: Where logs and the client's spool go.
    """
    run = run_pb2.RunIdentity(project=PROJECT, id=f"{expectation.training}-{suffix}")
    arguments = ["-m", "paramedic.demo", expectation.training, "--url", url, "--run-id", run.id]
    environment = {
        **environment,
        "PARAMEDIC_SPOOL_DIR": str(directory / "spool"),
        # Several of these share the machine, and each is too small to gain from a GPU or a second core.
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONUNBUFFERED": "1",
    }
    with running(expectation.training, arguments, environment, directory) as process:
        yield Training(expectation, process, run)
