"""Every scenario, one after another, and what its source claims beside what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from paramedic.v1 import verdict_pb2
from paramedic.v1.reproduction_pb2 import CreateReproductionRequest, Reproduction, ReproductionSpec
from paramedic.v1.reproduction_pb2 import Scenario as ScenarioMessage
from paramedic_service.cli.documents import short_name
from paramedic_service.cli.output import printable
from paramedic_service.cli.reproduce.following import View, interrupt_cancels, watch
from paramedic_service.cli.reproductions_client import Reproductions
from paramedic_service.reproduction.scenarios import SCENARIOS


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a scenario.

    Attributes:
        scenario: It.
        reproduction: Its reproduction; None where it cannot run here.
    """

    scenario: ScenarioMessage
    reproduction: Reproduction | None

    @property
    def as_claimed(self) -> bool:
        """Whether it is as its source claims."""
        return self._met(claimed=True)

    @property
    def as_known(self) -> bool:
        """Whether it is as claimed or, where the claim is known not to hold, as it was measured."""
        return self.reproduction is None or self._met(claimed=True) or self._met(claimed=False)

    @property
    def told(self) -> str:
        """What came of it, with the figures."""
        if self.reproduction is None:
            return f"not run: {self.scenario.unavailable}"
        if not self.reproduction.HasField("verdict"):
            return self.reproduction.error or "no verdict"
        verdict = self.reproduction.verdict
        kind = short_name(verdict_pb2.VerdictKind.DESCRIPTOR, verdict.kind).replace("_", " ")
        return "; ".join([f"{kind}, {verdict.arms[0].fired} of {verdict.arms[0].seeds} seeds", *_figures(verdict)])

    @property
    def standing(self) -> str:
        """The outcome held against the claim."""
        known = SCENARIOS.get(self.scenario.name)
        if self.reproduction is None:
            return "not run"
        if self.as_claimed:
            return f"as claimed, but: {known.differs}" if known is not None and known.differs else "as claimed"
        if self.as_known and known is not None:
            return f"not as claimed: {known.differs}"
        return "not as claimed"

    def _met(self, *, claimed: bool) -> bool:
        known = SCENARIOS.get(self.scenario.name)
        if known is None or self.reproduction is None or not self.reproduction.HasField("verdict"):
            return False
        return (known.expected if claimed else known.outcome).met_by(self.reproduction.verdict)


def _figures(verdict: verdict_pb2.ReproductionVerdict) -> Iterator[str]:
    """What each remedy came to."""
    for arm in verdict.arms[1:]:
        kind = short_name(verdict_pb2.ArmVerdictKind.DESCRIPTOR, arm.kind).replace("_", " ")
        better = f", {arm.measure} {-arm.improvement:+.0%}" if arm.HasField("improvement") else ""
        yield f"{arm.name}: {kind}{better}" if arm.kind else f"{arm.name}{better or ': nothing to remove'}"


def run_all(service: Reproductions, asked: ReproductionSpec, console: Console) -> list[Outcome]:
    """Reproduces every scenario; an interrupt cancels those that have not ended.

    Args:
        service: That runs them.
        asked: Steps and seeds in place of their own; omitted ones stay.
        console: Where to show them.
    """
    scenarios = service.scenarios()
    queued = {
        each.name: service.create(CreateReproductionRequest(scenario=each.name, spec=asked))
        for each in scenarios
        if not each.unavailable
    }
    view = View(console, list(queued.values()), list(queued))
    with interrupt_cancels(service, list(queued.values()), view), view.progress:
        ended = {name: watch(service, created, view) for name, created in queued.items()}
    return [Outcome(each, ended.get(each.name)) for each in scenarios]


def show_outcomes(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Writes a line a scenario."""
    table = Table("scenario", "claim", "outcome", "standing")
    for outcome in outcomes:
        style = "green" if outcome.as_claimed else "yellow" if outcome.as_known else "bold red"
        table.add_row(
            Text(outcome.scenario.name),
            Text(printable(outcome.scenario.claim)),
            Text(printable(outcome.told)),
            Text(printable(outcome.standing), style=style),
        )
    console.print()
    console.print(table)
    claimed = sum(outcome.as_claimed for outcome in outcomes)
    known = sum(outcome.as_known and not outcome.as_claimed for outcome in outcomes)
    console.print(f"{claimed} of {len(outcomes)} as claimed, {known} otherwise as known")


def outcome_document(outcome: Outcome) -> Mapping[str, Any]:
    """An outcome for programs."""
    return {
        "scenario": outcome.scenario.name,
        "claim": outcome.scenario.claim,
        "reproduction": None if outcome.reproduction is None else outcome.reproduction.id,
        "outcome": outcome.told,
        "as_claimed": outcome.as_claimed,
        "as_known": outcome.as_known,
        "standing": outcome.standing,
    }
