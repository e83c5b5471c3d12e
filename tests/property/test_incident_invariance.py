"""Incidents are a function of the fold's state: neither batches, nor restarts, nor the order of findings matter."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic_service.incidents.diagnose import diagnose as join
from paramedic_service.incidents.incident import Incident
from paramedic_service.ingest.snapshot import pack, unpack
from paramedic_service.rules.catalogue import RULES
from paramedic_service.rules.description import Description, Optimizer
from paramedic_service.rules.diagnosis import Diagnosis
from support.incidents import dense, finding, mlp, recurrent, training
from support.telemetry import TENSORS, diagnose, healthy_loss, healthy_norms

LENGTH = 500
DESCRIPTION = Description(TENSORS, optimizer=Optimizer("adam", 1e-3))


def incidents(diagnosis: Diagnosis) -> tuple[Incident, ...]:
    return join(diagnosis.findings, diagnosis.abstentions, diagnosis.description)


@st.composite
def runs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Loss and norms with up to three faults."""
    seed = draw(st.integers(0, 2**16))
    loss, norms = healthy_loss(LENGTH, seed), healthy_norms(LENGTH, seed)
    for fault in draw(st.lists(st.sampled_from(("nan", "spike", "growth", "zero", "vanish")), max_size=3)):
        start = draw(st.integers(0, LENGTH - 1))
        stop = min(LENGTH, start + draw(st.sampled_from([1, 12, 60, 300])))
        match fault:
            case "nan":
                loss[start:stop], norms[start:stop] = np.nan, np.nan
            case "spike":
                loss[start] *= 9
                norms[start] *= 300
            case "growth":
                loss[start:stop] += np.linspace(0, 4, stop - start)
                norms[start:stop] *= np.exp2(np.arange(stop - start) / 20).astype(np.float32)[:, None]
            case "zero":
                norms[start:stop, :2] = 0
            case "vanish":
                loss[start:] = 2.3
                norms[start:stop] *= np.float32(1e-9)
    return loss, norms


@given(runs(), st.lists(st.integers(1, LENGTH - 1), max_size=12))
@settings(max_examples=60, deadline=None)
def test_incidents_do_not_depend_on_how_the_rows_are_batched(
    run: tuple[np.ndarray, np.ndarray], cut: list[int]
) -> None:
    whole, _ = diagnose(*run, description=DESCRIPTION)
    parts, _ = diagnose(*run, cut, description=DESCRIPTION)
    assert incidents(parts) == incidents(whole)


@given(runs())
@settings(max_examples=30, deadline=None)
def test_a_restart_changes_no_incident(run: tuple[np.ndarray, np.ndarray]) -> None:
    diagnosis, _ = diagnose(*run, description=DESCRIPTION)
    restored = Diagnosis.restore(unpack(pack(diagnosis.state())))
    assert incidents(restored) == incidents(diagnosis)


@given(
    st.dictionaries(st.sampled_from([rule.id for rule in RULES]), st.tuples(st.integers(0, 300), st.booleans())),
    st.randoms(use_true_random=False),
    st.sampled_from([1e-9, 1e-3, 10.0]),
    st.sampled_from(["unknown", "dense", "recurrent"]),
    st.sets(st.sampled_from([rule.id for rule in RULES])),
)
@settings(max_examples=200, deadline=None)
def test_every_grave_finding_is_in_one_incident_whatever_their_order(found, random, rate, kind, silent) -> None:
    known = {
        "unknown": Description(),
        "dense": training(*mlp(4, "sigmoid"), rate=rate, loss="mean_squared_error"),
        "recurrent": training(recurrent("rnn", steps=90, activation="relu"), dense("output", 3), rate=rate),
    }[kind]
    findings = {rule: finding(rule, step, threshold=0.5, is_open=is_open) for rule, (step, is_open) in found.items()}
    abstentions = dict.fromkeys(silent - set(found), "not reported")
    order = list(findings)
    random.shuffle(order)

    told = join(findings, abstentions, known)

    assert join({rule: findings[rule] for rule in order}, abstentions, known) == told
    rules = [rule for incident in told for rule in incident.rules]
    assert len(rules) == len(set(rules))
    assert {rule for rule in findings if findings[rule].severity > 1} <= set(rules)
    assert bool(told) == bool(findings)
