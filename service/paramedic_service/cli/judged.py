"""A recorded run, folded through the rules of this installation, and how it is shown."""

from dataclasses import dataclass
from typing import Any

from paramedic_service.cli import identity, output
from paramedic_service.cli.documents import document
from paramedic_service.cli.findings_table import print_findings
from paramedic_service.cli.incidents_table import print_incident
from paramedic_service.cli.recording import Recording
from paramedic_service.ingest.incident_messages import incidents_to_messages
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.ingest.restore import Replayer
from paramedic_service.ingest.translation import finding_to_message, identity_to_message
from paramedic_service.rules.rulebooks import Rulebooks


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules found in a recorded run.

    Attributes:
        live: The run after its last entry.
        left_out: Places and reasons of entries that could not be used.
    """

    live: LiveRun
    left_out: list[tuple[str, str]]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        live = self.live
        return {
            "run": document(identity_to_message(live.key)),
            "name": live.name,
            "state": live.state.name.lower(),
            "rows": live.rows,
            "last_step": live.last_step,
            "findings": [document(finding_to_message(live.key, each)) for each in live.diagnosis.findings.values()],
            "incidents": [document(each) for each in incidents_to_messages(live.key, live.incidents)],
            "abstentions": [{"rule": rule, "reason": why} for rule, why in live.diagnosis.abstentions.items()],
            "left_out": [{"place": place, "reason": reason} for place, reason in self.left_out],
        }

    def print(self) -> None:
        """For people."""
        live, console = self.live, output.console()
        name = output.printable(identity.label(identity_to_message(live.key)))
        step = "no step" if live.last_step is None else f"step {live.last_step}"
        console.print(f"{name}: {live.rows} rows up to {step}, {live.state.name.lower()}", markup=False)
        for incident in incidents_to_messages(live.key, live.incidents):
            console.print()
            print_incident(incident)
        console.print()
        print_findings([finding_to_message(live.key, finding) for finding in live.diagnosis.findings.values()])
        if live.diagnosis.abstentions:
            console.print()
            output.print_table(("rule that cannot judge", "why"), live.diagnosis.abstentions.items(), empty="")
        if self.left_out:
            console.print()
            output.print_table(("entry left out", "why"), self.left_out, empty="")


def judge(recording: Recording, books: Rulebooks) -> Judged:
    """Folds a recorded run."""
    live = recording.begin(books.of(recording.key.project))
    replayer = Replayer(live)
    left_out: list[tuple[str, str]] = []
    for entry in recording.entries:
        if entry.body is None:
            left_out.append((entry.place, entry.damage))
            continue
        try:
            replayer.feed(entry.body, by_service=entry.by_service)
        except InvalidRequestError as error:
            left_out.append((entry.place, str(error)))
    return Judged(live, left_out)
