"""What the demo shows: the trainings as they run, what a scrape would show, and the verdicts."""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from paramedic.v1.finding_pb2 import Finding
from paramedic_service.cli.demo.proof import Proof
from paramedic_service.cli.demo.training import Training
from paramedic_service.cli.findings_table import row
from paramedic_service.cli.output import printable
from paramedic_service.cli.reproduce.following import has_ended
from paramedic_service.cli.reproduce.tables import show_verdict
from paramedic_service.metrics import families

_SCRAPED = (families.STEP, families.LOSS, families.GRADIENT_NORM, families.FINDINGS)


class Display:
    """A live line a training and reproduction, and findings above them."""

    def __init__(self, console: Console, trainings: Sequence[Training], proofs: Sequence[Proof]) -> None:
        self._console = console
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            console=console,
            # A pipe gets the findings and the table only.
            disable=not console.is_terminal,
        )
        self._tasks = {
            name: self.progress.add_task(name, total=None, status="starting")
            for name in [training.name for training in trainings] + [proof.name for proof in proofs]
        }

    def update(self, training: Training) -> None:
        """Shows how a training stands now."""
        status = "starting"
        if training.last_step is not None:
            loss = "" if training.loss is None else f"loss {training.loss:.4g}"
            status = f"step {training.last_step}  {loss}"
        self.progress.update(
            self._tasks[training.name],
            total=training.steps,
            completed=training.last_step or 0,
            status=status + ("  done" if training.process.exit_status == 0 else ""),
        )

    def update_proof(self, proof: Proof) -> None:
        """Shows how a reproduction stands now."""
        if proof.reproduction is None:
            self.progress.update(self._tasks[proof.name], status="waits for the run to end")
            return
        told = proof.reproduction.progress
        ended = "done" if has_ended(proof.reproduction) else told.phase or "queued"
        self.progress.update(
            self._tasks[proof.name],
            total=told.steps or None,
            completed=told.steps_done,
            status=f"{told.ended} of {told.trainings} trainings  {printable(ended)}",
        )

    def finding(self, finding: Finding) -> None:
        """Shows a finding that has just come."""
        cells = (cell if isinstance(cell, Text) else Text(printable(cell)) for cell in row(finding))
        self.progress.console.print(*cells, sep="  ", soft_wrap=True)


def show_scrape(console: Console, exposition: str, trainings: Sequence[Training]) -> None:
    """Shows the lines on the demo's runs."""
    labels = [f'run="{training.run.id}"' for training in trainings]
    names = tuple(f"{family.name}{{" for family in _SCRAPED)
    console.print("\nA scrape of /metrics shows, among others:", style="bold")
    for line in exposition.splitlines():
        if line.startswith(names) and any(label in line for label in labels):
            console.print(f"  {line}", markup=False, soft_wrap=True)


def show_verdicts(console: Console, trainings: Sequence[Training]) -> None:
    """Shows one table with a line a training."""
    table = Table(
        "training", "expected", "found", "at step", "most likely cause", "verdict", title="Paramedic's findings"
    )
    for training in trainings:
        verdict = training.verdict
        found = sorted(verdict.found, key=lambda rule: verdict.found[rule])
        table.add_row(
            training.name,
            training.expectation.fault,
            "\n".join(found) or "nothing",
            "-" if verdict.found_at is None else str(verdict.found_at),
            printable(training.cause) or "-",
            Text("not as expected", style="bold red") if training.complaints else Text("as expected", style="green"),
        )
    console.print()
    console.print(table)


def show_proofs(console: Console, proofs: Sequence[Proof]) -> None:
    """Shows what each reproduction proved, arm by arm, and where its report is."""
    for proof in proofs:
        if proof.reproduction is None:
            continue
        show_verdict(console, proof.reproduction, proof.name)
        if proof.report is not None:
            console.print(f"report: {proof.report}", markup=False, soft_wrap=True)
