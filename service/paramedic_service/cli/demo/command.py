"""`paramedic demo`: from an empty machine to findings on three real trainings, and a remedy proven for each fault."""

import importlib.util
import os
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Annotated, Any

import typer
from rich.console import Console

from paramedic.v1.diagnosis_pb2 import ListFindingsRequest
from paramedic_service.cli import connection, output
from paramedic_service.cli.demo.display import Display, show_proofs, show_scrape, show_verdicts
from paramedic_service.cli.demo.feed import FindingFeed, finding_feed
from paramedic_service.cli.demo.processes import signals_end_the_block
from paramedic_service.cli.demo.proof import Proof
from paramedic_service.cli.demo.service import OwnService, own_service
from paramedic_service.cli.demo.training import PROJECT, Training, training
from paramedic_service.cli.demo.verdict import EXPECTATIONS
from paramedic_service.cli.documents import document
from paramedic_service.cli.root import app

_REFRESH = 0.25
# How long the service may take to hear of the end of a run whose process has ended, seconds.
_SETTLE = 10.0


@app.command()
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service up afterwards, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    url: Annotated[
        str | None,
        typer.Option(help="Report to the service that listens there: HOST:PORT.", show_default="a service of its own"),
    ] = None,
    token: connection.Token = None,
    tls: connection.Tls = False,
    tls_ca: connection.TlsCa = None,
) -> None:
    """Trains three small networks, one of them healthy, and shows what is found in them and what removes it.

    Those with a fault are trained again, as they were and with each remedy alone. Exits with 0 when the findings are
    the expected ones, the healthy training has none, and a remedy removed each fault.
    """
    for module in ("tensorflow", "sklearn"):
        if importlib.util.find_spec(module) is None:
            output.fail(f"{module} is not installed; run: pip install 'paramedic[service,reproduction]'", 2)
    # What people read goes to standard error when standard output is for a program.
    console = Console(stderr=True, highlight=False) if as_json else output.console()
    with ExitStack() as stack:
        stack.enter_context(signals_end_the_block())
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="paramedic-demo-")))
        own: OwnService | None = None
        if url is None:
            token, tls, tls_ca = None, False, None
            _forget_settings()
            own = stack.enter_context(own_service(directory))
            url = own.address
            console.print(f"Serving gRPC at {own.address} and pages at {own.pages}")
        environment = _client_environment(token, tls, tls_ca)
        service = stack.enter_context(connection.connect(url, token, tls, tls_ca))
        feed = stack.enter_context(finding_feed(service, PROJECT))
        suffix = secrets.token_hex(3)
        trainings = [
            stack.enter_context(training(expectation, suffix, url, environment, directory))
            for expectation in EXPECTATIONS
        ]
        proofs = [Proof(each) for each in trainings if each.expectation.any_of]
        _follow(service, feed, trainings, proofs, Display(console, trainings, proofs))
        if own is not None:
            show_scrape(console, own.scrape(), trainings)
        show_verdicts(console, trainings)
        reports = Path(mkdtemp(prefix="paramedic-reports-"))
        for proof in proofs:
            proof.write_report(service, reports)
        show_proofs(console, proofs)
        for each in trainings:
            _complain(each)
        for proof in proofs:
            for complaint in proof.complaints:
                sys.stderr.write(f"paramedic: {proof.training.name}: {complaint}\n")
        if as_json:
            output.print_json(_document(trainings, proofs))
        if keep and own is not None:
            _keep(console, own)
        if _complaints(trainings, proofs):
            raise typer.Exit(1)


def _forget_settings() -> None:
    """Keeps the caller's settings, which are for another service, from this one and its clients."""
    for name in [name for name in os.environ if name.startswith("PARAMEDIC_")]:
        del os.environ[name]


def _client_environment(token: str | None, tls: bool, tls_ca: Path | None) -> dict[str, str]:
    environment = {"PARAMEDIC_MODE": "online"}
    if token is not None:
        environment["PARAMEDIC_TOKEN"] = token
    if tls:
        environment["PARAMEDIC_TLS"] = "1"
    if tls_ca is not None:
        environment["PARAMEDIC_TLS_CA"] = str(tls_ca)
    return environment


def _follow(
    service: connection.Service,
    feed: FindingFeed,
    trainings: Sequence[Training],
    proofs: Sequence[Proof],
    display: Display,
) -> None:
    """Shows steps, losses, findings and reproductions until everything has ended.

    A run is reproduced as soon as it has ended, beside the trainings that have not.
    """
    by_run = {each.run.id: each for each in trainings}
    with display.progress:
        deadline = float("inf")
        settled = False
        while not settled:
            done = all(each.process.exit_status is not None for each in trainings)
            if done:
                deadline = min(deadline, time.monotonic() + _SETTLE)
            for run in service.runs(PROJECT, None):
                if run.identity.id in by_run:
                    by_run[run.identity.id].refresh(service, run)
            for finding in feed.arrived():
                if finding.run.id in by_run and finding.rule not in by_run[finding.run.id].found:
                    by_run[finding.run.id].take(finding)
                    display.finding(finding)
            for each in trainings:
                display.update(each)
            _reproduce(service, proofs, display)
            late = time.monotonic() > deadline
            settled = done and (late or all(_settled(each) for each in trainings))
            settled = settled and all(proof.settled or (late and proof.reproduction is None) for proof in proofs)
            if not settled:
                time.sleep(_REFRESH)
        for each in trainings:
            for finding in service.findings(ListFindingsRequest(project=PROJECT, run_id=each.run.id)):
                if finding.rule not in each.found:
                    each.take(finding)
                    display.finding(finding)
            each.explain(service)


def _reproduce(service: connection.Service, proofs: Sequence[Proof], display: Display) -> None:
    for proof in proofs:
        if proof.due:
            proof.ask(service)
        elif proof.reproduction is not None and not proof.settled:
            proof.refresh(service)
        display.update_proof(proof)


def _settled(training: Training) -> bool:
    # Who fails may not have told the service.
    return training.ended or training.process.exit_status != 0


def _complaints(trainings: Sequence[Training], proofs: Sequence[Proof]) -> list[str]:
    """Everything that is wrong with how it went."""
    return [complaint for each in trainings for complaint in each.complaints] + [
        complaint for proof in proofs for complaint in proof.complaints
    ]


def _complain(training: Training) -> None:
    complaints = training.complaints
    for complaint in complaints:
        sys.stderr.write(f"paramedic: {training.name}: {complaint}\n")
    if complaints:
        training.process.show_log_tail()


def _document(trainings: Sequence[Training], proofs: Sequence[Proof]) -> dict[str, Any]:
    return {
        "as_expected": not _complaints(trainings, proofs),
        "reproductions": [
            {
                "training": each.training.name,
                "reproduction": None if each.reproduction is None else each.reproduction.id,
                "verdict": None if each.reproduction is None else document(each.reproduction.verdict),
                "remedy": each.remedy or None,
                "report": None if each.report is None else str(each.report),
                "complaints": each.complaints,
            }
            for each in proofs
        ],
        "trainings": [
            {
                "training": each.name,
                "run": {"project": PROJECT, "id": each.run.id},
                "expected_any_of": list(each.expectation.any_of),
                "found": each.found,
                "found_at": each.verdict.found_at,
                "cause": each.cause or None,
                "missing": list(each.verdict.missing),
                "surplus": list(each.verdict.surplus),
                "complaints": each.complaints,
            }
            for each in trainings
        ],
    }


def _keep(console: Console, own: OwnService) -> None:
    console.print(f"\nThe service stays up: gRPC at {own.address}, pages at {own.pages}. Ctrl-C ends it.")
    try:
        while own.process.exit_status is None:
            time.sleep(_REFRESH)
    except KeyboardInterrupt:
        return
    own.process.show_log_tail()
    output.fail(f"the service ended with status {own.process.exit_status}", 2)
