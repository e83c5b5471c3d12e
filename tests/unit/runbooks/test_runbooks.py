"""A page a rule: complete, and what the rules say now."""

import subprocess
import sys
from pathlib import Path

import pytest

from paramedic_service.rules.catalogue import RULES

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "deploy" / "runbooks"


def test_the_pages_are_what_the_rules_and_notes_say() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "runbooks", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_page_is_left_over_from_a_rule_that_is_gone() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {rule.id for rule in RULES} | {"README"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_page_has_every_part(rule) -> None:
    text = (RUNBOOKS / f"{rule.id}.md").read_text(encoding="utf-8")
    parts = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    assert list(parts)[:4] == ["Meaning", "Impact", "Diagnosis", "Remedy"]
    assert all(part.strip() for part in parts.values())
    assert all(parameter.meaning in parts["Meaning"] for parameter in rule.parameters)
    assert all(remedy in parts["Remedy"] for remedy in rule.remedies)
    assert "(`" in parts["Diagnosis"], "at least one cause"


def test_the_index_leads_to_every_page() -> None:
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert all(f"[{rule.id}]({rule.id}.md)" in index for rule in RULES)
