"""The option that names a file of rule parameters."""

from pathlib import Path
from typing import Annotated

import typer

from paramedic_service.cli.output import fail
from paramedic_service.rules.rulebooks import Rulebooks, RulesFileError, read_rulebooks

RulesFile = Annotated[
    Path | None,
    typer.Option(
        envvar="PARAMEDIC_RULES_FILE", help="TOML file with parameters of rules.", show_default="every rule's defaults"
    ),
]


def rulebooks(path: Path | None) -> Rulebooks:
    """Reads the file; ends the command when it cannot be used."""
    try:
        return read_rulebooks(path)
    except RulesFileError as error:
        fail(str(error), 2)
