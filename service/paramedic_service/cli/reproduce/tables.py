"""Reproductions as people read them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.box import HEAVY_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paramedic.v1 import reproduction_pb2, verdict_pb2
from paramedic.v1.reproduction_pb2 import Reproduction, Scenario
from paramedic_service.cli import identity, output
from paramedic_service.cli.documents import short_name
from paramedic_service.reproduction.report.words import arm_words, improvement_words, verdict_words

_STYLES = {"good": "green", "bad": "bold red", "open": "yellow"}


def show_verdict(console: Console, reproduction: Reproduction, name: str) -> None:
    """Writes what came of a reproduction, arm by arm."""
    tone, words = verdict_words(reproduction)
    console.print()
    console.print(Text(f"{output.printable(name)}: {words}", style=_STYLES[tone]))
    told = reproduction.verdict.summary or reproduction.error
    if told:
        console.print(output.printable(told), markup=False)
    if not reproduction.verdict.arms:
        return
    # A pipe wants a row in one line, and no frame around it.
    frame = HEAVY_HEAD if console.is_terminal else None
    table = Table("arm", "verdict", "fault on", "against as reported", "why", box=frame, pad_edge=frame is not None)
    for arm in reproduction.verdict.arms:
        tone, words = arm_words(arm.kind)
        table.add_row(
            Text(output.printable(arm.name)),
            Text(words, style=_STYLES[tone]),
            f"{arm.fired} of {arm.seeds} seeds",
            improvement_words(arm),
            Text(output.printable(arm.summary)),
        )
    console.print(table)
    steps = reproduction.spec.steps
    console.print(
        f"{len(reproduction.trainings)} trainings of {steps} steps on {output.printable(reproduction.device)}",
        markup=False,
        highlight=False,
    )


def print_scenarios(scenarios: Iterable[Scenario]) -> None:
    """Writes what can be reproduced by name."""
    output.print_table(
        ("scenario", "summary", "remedies", "claim"),
        (
            (
                each.name,
                f"{each.summary} (unavailable: {each.unavailable})" if each.unavailable else each.summary,
                ", ".join(arm.name for arm in each.arms[1:]) or "-",
                each.claim,
            )
            for each in scenarios
        ),
        empty="No scenarios.",
    )


def print_reproductions(reproductions: Iterable[Reproduction]) -> None:
    """Writes a table of reproductions."""
    output.print_table(
        ("id", "of", "incident", "state", "created", "verdict", "summary"),
        (
            (
                each.id,
                _origin(each),
                each.incident or "-",
                short_name(reproduction_pb2.ReproductionState.DESCRIPTOR, each.state),
                f"{datetime.fromtimestamp(each.created_at, UTC):%Y-%m-%d %H:%M:%S}",
                short_name(verdict_pb2.VerdictKind.DESCRIPTOR, each.verdict.kind) if each.HasField("verdict") else "-",
                each.verdict.summary or each.error,
            )
            for each in reproductions
        ),
        empty="No reproductions.",
    )


def _origin(reproduction: Reproduction) -> str:
    if reproduction.HasField("run"):
        return identity.label(reproduction.run)
    return f"scenario {reproduction.scenario}" if reproduction.scenario else reproduction.spec.title or "a spec"
