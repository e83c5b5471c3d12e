"""The reproduction of a training of the demo: asked for when its run has ended, and proven when a remedy helped."""

from dataclasses import dataclass
from pathlib import Path

from paramedic.v1 import verdict_pb2
from paramedic.v1.reproduction_pb2 import CreateReproductionRequest, Reproduction
from paramedic_service.cli.connection import Service
from paramedic_service.cli.demo.training import Training
from paramedic_service.cli.reproduce.following import has_ended


@dataclass(slots=True)
class Proof:
    """That a training's fault comes back, and that a remedy removes it.

    Attributes:
        training: It.
        reproduction: As the service told last; None before it was asked for.
        report: Where its page was written; None before.
    """

    training: Training
    reproduction: Reproduction | None = None
    report: Path | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"reproduce {self.training.name}"

    @property
    def due(self) -> bool:
        """Whether it can be asked for now."""
        return self.reproduction is None and self.training.ended and bool(self.training.found)

    @property
    def settled(self) -> bool:
        """Whether nothing more comes: it ended, or its training gave nothing to reproduce."""
        if self.reproduction is None:
            failed = self.training.process.exit_status not in (None, 0)
            return failed or (self.training.ended and not self.training.found)
        return has_ended(self.reproduction)

    @property
    def remedy(self) -> str:
        """What helped best; empty when nothing did."""
        if self.reproduction is None or not self.reproduction.verdict.remedies:
            return ""
        best = self.reproduction.verdict.arms[self.reproduction.verdict.remedies[0]]
        return best.text or best.name

    @property
    def complaints(self) -> list[str]:
        """What is wrong with how it went; empty when a remedy was found."""
        if self.reproduction is None:
            return ["its run was never reproduced"]
        if self.reproduction.error:
            return [f"its reproduction failed: {self.reproduction.error}"]
        if self.reproduction.verdict.kind != verdict_pb2.VERDICT_KIND_REMEDY_FOUND:
            return [f"its reproduction found no remedy: {self.reproduction.verdict.summary or 'it never ended'}"]
        return []

    def ask(self, service: Service) -> None:
        """Asks for it."""
        self.reproduction = service.reproductions.create(CreateReproductionRequest(run=self.training.run))

    def refresh(self, service: Service) -> None:
        """Asks the service how it stands."""
        assert self.reproduction is not None
        for each in service.reproductions.past(run_id=self.training.run.id):
            if each.id == self.reproduction.id:
                self.reproduction = each

    def write_report(self, service: Service, directory: Path) -> None:
        """Writes its page."""
        if self.reproduction is not None:
            self.report = directory / f"{self.training.name}.html"
            self.report.write_text(service.reproductions.get(self.reproduction.id).report, encoding="utf-8")
