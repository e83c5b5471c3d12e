"""What a team sets in its file of parameters is what its projects are judged by."""

from pathlib import Path

import pytest

from paramedic_service.rules.loss import DIVERGENCE
from paramedic_service.rules.rulebooks import RulesFileError, read_rulebooks


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules.toml"


def test_without_a_file_every_rule_has_its_defaults() -> None:
    assert read_rulebooks(None).of("any")[DIVERGENCE]["ratio"] == DIVERGENCE["ratio"]


def test_a_project_goes_before_what_is_set_for_all_and_that_before_the_defaults(file: Path) -> None:
    file.write_text(
        "[rules.divergence]\nratio = 3\npatience = 6\n\n[projects.translation.rules.divergence]\nratio = 5.5\n"
    )
    books = read_rulebooks(file)

    for project, ratio in (("translation", 5.5), ("any", 3.0)):
        rule = books.of(project)[DIVERGENCE]
        assert (rule["ratio"], rule["patience"], rule["lost"]) == (ratio, 6.0, DIVERGENCE["lost"])
    assert books.of("translation").fingerprint != books.of("any").fingerprint
    assert books.of("one").fingerprint == books.of("another").fingerprint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[rules.divergence]\nratio = 'much'\n", r"\[rules\]: divergence.ratio must be a finite number, not 'much'"),
        ("[rules.divergence]\nratio = true\n", "finite number"),
        ("[rules.divergence]\nratio = inf\n", "finite number"),
        ("[rules.divergence]\nratio = -2\n", "must not be negative"),
        ("[rules.divergence]\npatience = 0\n", "counts checks and must be a whole number from 1, not 0"),
        ("[rules.divergence]\ncolour = 2\n", "no parameter 'colour'; it has ratio, patience"),
        ("[rules.diverging]\nratio = 2\n", "no rule 'diverging'"),
        ("[rules]\ndivergence = 2\n", "rules.divergence must be a table"),
        ("[projects.x.rules.divergence]\nratio = 'a'\n", r"\[projects.x.rules\]: divergence.ratio"),
        ("[projects.x.divergence]\nratio = 1\n", "there is no projects.x.divergence; expected projects.x.rules"),
        ("[rule.divergence]\nratio = 1\n", "there is no rule; expected rules or projects"),
        ("ratio = \n", "line 1"),
    ],
)
def test_what_makes_no_sense_is_explained_with_its_place(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(RulesFileError, match=words) as error:
        read_rulebooks(file)
    assert str(error.value).startswith(str(file))


def test_a_file_that_is_not_there_is_explained(file: Path) -> None:
    with pytest.raises(RulesFileError, match="PARAMEDIC_RULES_FILE"):
        read_rulebooks(file)


def test_a_file_that_is_no_text_is_explained(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RulesFileError, match="UTF-8"):
        read_rulebooks(file)
