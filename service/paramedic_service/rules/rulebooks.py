"""Parameters that a team sets: for all of its projects, or for one.

They stand in a TOML file:

    [rules.divergence]
    ratio = 3

    [projects.translation.rules.divergence]
    ratio = 5
    patience = 6

What a project sets goes before what is set for all, and that before the defaults.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramedic_service.rules.catalogue import DEFAULTS, RULES
from paramedic_service.rules.rulebook import Rulebook


class RulesFileError(ValueError):
    """A file of parameters cannot be used; the message says where and why."""


class Rulebooks:
    """The rulebook of every project.

    Args:
        common: For projects without one of their own.
        projects: By project.
    """

    def __init__(self, common: Rulebook = DEFAULTS, projects: Mapping[str, Rulebook] | None = None) -> None:
        self._common = common
        self._projects = dict(projects or {})

    def of(self, project: str) -> Rulebook:
        """The rulebook that a project is judged by."""
        return self._projects.get(project, self._common)


DEFAULT_RULEBOOKS = Rulebooks()
"""Every project with the defaults."""


def read_rulebooks(path: Path | None) -> Rulebooks:
    """Reads what a team set.

    Args:
        path: The TOML file; None leaves every rule with its defaults.

    Raises:
        RulesFileError: It cannot be read, or holds something that is no parameter.
    """
    if path is None:
        return DEFAULT_RULEBOOKS
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        _only(tree, "", "rules", "projects")
        overrides = _overrides(tree.get("rules", {}), "rules")
        projects: dict[str, Rulebook] = {}
        for name, project in _table(tree.get("projects", {}), "projects").items():
            place = f"projects.{name}"
            _only(_table(project, place), f"{place}.", "rules")
            projects[name] = Rulebook(RULES, overrides | _overrides(project.get("rules", {}), f"{place}.rules"))
        return Rulebooks(Rulebook(RULES, overrides), projects)
    except OSError as error:
        raise RulesFileError(f"{path} cannot be read: {error.strerror}; correct PARAMEDIC_RULES_FILE") from error
    except UnicodeDecodeError as error:
        raise RulesFileError(f"{path} is not UTF-8: {error}") from error
    except ValueError as error:  # among them what TOML itself refuses
        raise RulesFileError(f"{path}: {error}") from error


def _overrides(tree: Any, place: str) -> dict[str, float]:
    """Values by "rule.parameter"."""
    values = {
        f"{rule}.{name}": value
        for rule, parameters in _table(tree, place).items()
        for name, value in _table(parameters, f"{place}.{rule}").items()
    }
    try:
        Rulebook(RULES, values)
    except ValueError as error:
        raise ValueError(f"[{place}]: {error}") from error
    return values


def _table(tree: Any, place: str) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise ValueError(f"{place} must be a table, not {tree!r}")
    return tree


def _only(tree: Mapping[str, Any], place: str, *known: str) -> None:
    for name in tree:
        if name not in known:
            raise ValueError(f"there is no {place}{name}; expected {' or '.join(f'{place}{each}' for each in known)}")
