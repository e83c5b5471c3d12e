"""Incidents of a live run are made anew only when something has changed."""

import numpy as np

from paramedic_service.ingest.incident_view import IncidentView
from paramedic_service.rules.description import Description, Optimizer
from paramedic_service.rules.diagnosis import Diagnosis
from support.telemetry import TENSORS, healthy_loss, healthy_norms, rows_of

RUINED = np.concatenate([healthy_loss(100), np.full(20, np.nan)])
NORMS = healthy_norms(120)


def started() -> Diagnosis:
    diagnosis = Diagnosis()
    diagnosis.describe(Description(TENSORS))
    return diagnosis


def test_a_run_without_findings_has_no_incidents():
    diagnosis = started()
    diagnosis.observe(rows_of(RUINED, NORMS, 0, 50))
    assert IncidentView().of(diagnosis, 1) == ()


def test_rows_that_change_no_finding_leave_the_incidents_as_they_are():
    diagnosis, view = started(), IncidentView()
    diagnosis.observe(rows_of(RUINED, NORMS, 0, 101))
    made = view.of(diagnosis, 1)
    assert made
    findings = dict(diagnosis.findings)

    diagnosis.observe(rows_of(RUINED, NORMS, 101, 102))

    assert (dict(diagnosis.findings) == findings) == (view.of(diagnosis, 2) is made)
    assert view.of(diagnosis, 2) is view.of(diagnosis, 3)


def test_what_becomes_known_of_the_training_changes_the_causes():
    diagnosis, view = started(), IncidentView()
    diagnosis.observe(rows_of(RUINED, NORMS))
    before = view.of(diagnosis, 1)

    diagnosis.describe(Description(TENSORS, optimizer=Optimizer("adam", 10.0)))

    assert view.of(diagnosis, 1) is before, "the version says that nothing has changed"
    assert view.of(diagnosis, 2)[0].causes[0].id == "learning_rate_too_high"
    assert view.of(diagnosis, 2) != before


def test_a_signal_that_is_reported_at_last_is_no_longer_unknown():
    diagnosis, view = started(), IncidentView()
    diagnosis.observe(rows_of(RUINED, None, 0, 110))
    [before] = view.of(diagnosis, 1)
    assert "growing_gradient" in before.unknown

    diagnosis.observe(rows_of(RUINED, NORMS, 110, 111))

    [after] = view.of(diagnosis, 2)
    assert "growing_gradient" not in after.unknown
