"""What people write: arms on the command line, and specifications in files."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic_service.cli.spec import is_spec, read_spec
from paramedic_service.reproduction.patches import write_patch
from paramedic_service.reproduction.remedy_arms import patch_name
from paramedic_service.reproduction.verdict import REPORTED

# Beside the sections of a description, in files that are written by hand.
_BESIDE = ("title", "steps", "seeds", "rules", "arms")

_MOST_BYTES = 16 * 2**20
"""Several times what a service takes, once it is no text."""


def read_arms(written: Sequence[str]) -> list[Arm]:
    """The training as reported, and an arm for each patch; none for none.

    Args:
        written: Each as JSON ('{"optimizer.learning_rate": {"multiply": 0.1}}'), or PATH=VALUE, or PATH*FACTOR.

    Raises:
        ValueError: One is none of these.
    """
    if not written:
        return []
    arms = [Arm(name=REPORTED)]
    for text in written:
        patch = _patch(text)
        arms.append(Arm(name=patch_name(patch), patch=write_patch(patch)))
    return arms


def read_file(path: Path) -> ReproductionSpec:
    """A specification from a JSON or TOML file.

    It holds the fields of a ReproductionSpec; or, as `paramedic check` reads them, the sections of a description:
    model, optimizer, loss, training, data, with title, steps, seeds, rules and arms beside them.

    Raises:
        ValueError: The file cannot be read, or is no specification.
    """
    try:
        text = _text(path)
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, Mapping):
        raise ValueError(f"{path} holds no specification: expected an object with its fields")
    try:
        if not is_spec(document) or "description" in document or "workload" in document:
            return ParseDict(dict(document), ReproductionSpec())
        beside = {name: document[name] for name in _BESIDE if name in document}
        spec = ParseDict(beside, ReproductionSpec())
        spec.description.CopyFrom(read_spec({name: each for name, each in document.items() if name not in _BESIDE}))
    except (ParseError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from error
    return spec


def _text(path: Path) -> str:
    with path.open("rb") as opened:
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES // 2**20} MiB, and no service takes so much")
    return content.decode()


def _patch(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            patch = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"--arm {text[:200]!r} is no JSON: {error}") from error
        if not patch:
            raise ValueError(f"--arm {text!r} changes nothing")
        return dict(patch)
    for sign, word in (("=", "set"), ("*", "multiply")):
        path, found, value = text.rpartition(sign)
        # The star of model.layers[*] is no sign.
        if found and path and not value.startswith("]"):
            return {path.strip(): {word: _value(value.strip())}}
    raise ValueError(f"--arm {text!r} is no patch; write JSON, PATH=VALUE or PATH*FACTOR")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
