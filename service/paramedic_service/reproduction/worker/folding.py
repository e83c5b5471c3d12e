"""A training of a reproduction as the rules see it: the same fold that judges any run."""

import traceback
from math import inf

import numpy as np

from paramedic.description import merge
from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.reproduction_pb2 import TrainingOutcome
from paramedic_service.incidents.diagnose import diagnose
from paramedic_service.ingest.description import read
from paramedic_service.ingest.translation import finding_to_message
from paramedic_service.reproduction.worker.curves import Curves
from paramedic_service.rules.description import Description
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.telemetry import Rows
from paramedic_service.store.records import RunKey

MOST_MESSAGE = 16_384
"""Characters of an exception's message, as the contract has it."""

MOST_TRACEBACK = 65_536
"""Characters of a traceback."""

_NOBODY = RunKey("", "", 0, 0)


def untrained(arm: int, seed: int, why: Exception) -> TrainingOutcome:
    """What came of a training that could not be tried."""
    return TrainingOutcome(arm=arm, seed=seed, final_loss=inf, error=str(why))


class Folding:
    """Judges one training while it reports.

    Times are the steps themselves: how long a step takes on this machine says nothing of the training that is
    reproduced, and what is said of it is to be the same whenever it is trained.
    """

    def __init__(self) -> None:
        self._known = RunDescription()
        self._diagnosis = Diagnosis()
        self._curves = Curves()
        self._error = ""
        self._final_error: float | None = None

    def describe(self, update: RunDescription) -> None:
        """Takes in what became known of the training: a field that is set replaces what was known before."""
        merge(self._known, update)
        self._diagnosis.describe(read(self._known))

    def assume(self, description: Description) -> None:
        """Takes in what a plan says of a training that has no model to describe."""
        self._diagnosis.describe(description)

    def began(self) -> None:
        """Takes in that the training begins."""
        self._diagnosis.training_began(0.0)

    def observe(self, rows: Rows) -> None:
        """Takes in consecutive rows."""
        self._curves.take(rows)
        self._diagnosis.observe(rows)

    def epoch_ended(self) -> None:
        """Takes in that an epoch was completed."""
        self._diagnosis.epoch_ended()

    def fail(self, error: BaseException) -> None:
        """Takes in that an exception ended the training."""
        kind, message = type(error).__name__, str(error)[:MOST_MESSAGE]
        self._error = f"{kind}: {message}"
        told = "".join(traceback.format_exception(error))
        self._diagnosis.fail(kind, message, told[-MOST_TRACEBACK:])

    def score(self, error: float) -> None:
        """Takes in the error on held-out samples, as `TrainingOutcome.final_error` defines it."""
        self._final_error = error

    def outcome(self, arm: int, seed: int, duration: float) -> TrainingOutcome:
        """Ends the training and says what came of it.

        Args:
            arm: Its index.
            seed: Its seed.
            duration: Seconds that it took.
        """
        diagnosis = self._diagnosis
        diagnosis.finish()
        incidents = diagnose(diagnosis.findings, diagnosis.abstentions, diagnosis.description)
        causes = incidents[0].causes if incidents else ()
        outcome = TrainingOutcome(
            arm=arm,
            seed=seed,
            findings=[
                finding_to_message(_NOBODY, finding) for finding in diagnosis.findings.values() if not finding.withdrawn
            ],
            cause=causes[0].id if causes else "",
            final_loss=inf if self._error else self._final_loss(),
            final_error=None if self._error else self._final_error,
            error=self._error,
            duration=duration,
            curves=self._curves.kept(diagnosis.description),
        )
        for finding in outcome.findings:
            finding.ClearField("run")
        return outcome

    def _final_loss(self) -> float:
        losses = self._curves.losses()
        last = losses[-max(1, len(losses) // 10) :]
        return float(last.mean()) if len(last) and np.isfinite(last).all() else inf
