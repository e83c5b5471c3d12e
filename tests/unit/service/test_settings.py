"""Settings as operators write them."""

import pytest

from paramedic_service.settings import Settings


@pytest.mark.parametrize(
    ("written", "projects"),
    [("", set()), ("digits", {"digits"}), (" digits , speech,", {"digits", "speech"}), ("*", {"*"})],
)
def test_projects_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch, written: str, projects: set[str]) -> None:
    monkeypatch.setenv("PARAMEDIC_AUTO_REPRODUCE", written)
    assert Settings().auto_reproduce == projects


def test_nothing_is_reproduced_by_itself_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARAMEDIC_AUTO_REPRODUCE", raising=False)
    assert Settings().auto_reproduce == frozenset()
