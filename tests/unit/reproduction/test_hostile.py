"""Specifications that mean harm: refused with the field that is to blame, at once, and with nothing done."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.hostile import audit
from support.hostile.case import Hostile
from support.hostile.catalogue import cases
from support.specs import refusal

CASES = cases()


def test_there_are_at_least_200_of_them() -> None:
    assert len(CASES) >= 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id[:80].encode("unicode_escape").decode())
def test_a_hostile_specification_is_refused_by_the_field_that_is_to_blame(case: Hostile) -> None:
    error = refusal(case.make())
    assert error.field == case.field, str(error)[:300]
    assert error.reason
    assert len(str(error)) < 2_000
    assert str(error).isascii(), str(error)


@pytest.fixture(scope="module")
def audited() -> dict[str, dict[str, object]]:
    """What a process of its own did while it planned every one of them, by id."""
    run = subprocess.run([sys.executable, audit.__file__], capture_output=True, text=True, timeout=300, check=True)
    report: dict[str, dict[str, object]] = json.loads(run.stdout)
    return report


def test_planning_imports_opens_executes_and_connects_nothing(audited: dict[str, dict[str, object]]) -> None:
    assert len(audited) == len(CASES)
    assert {case: seen["events"] for case, seen in audited.items() if seen["events"]} == {}


def test_planning_allocates_nothing_of_the_size_that_is_asked_for(audited: dict[str, dict[str, object]]) -> None:
    assert {case: seen["bytes"] for case, seen in audited.items() if seen["bytes"] > audit.MOST_BYTES} == {}


def test_the_audit_would_see_an_import_a_file_and_an_allocation() -> None:
    events, used = audit.watched(lambda: (Path(__file__).read_text(), __import__("wave"), bytearray(2**26)))
    assert {"open", "import"} <= set(events)
    assert used > audit.MOST_BYTES
