"""What `init` takes, and what it says about what it does not take."""

from pathlib import Path
from typing import Any

import pytest

import paramedic
from paramedic.settings import Mode, exposes_token, resolve, resolve_endpoint
from paramedic.transport import Endpoint

ARGUMENTS: dict[str, Any] = {
    "project": "p",
    "name": None,
    "url": None,
    "mode": None,
    "id": "r",
    "attempt": 0,
    "rank": 0,
    "token": None,
    "tls_ca": None,
    "spool_dir": None,
    "stop_on": None,
}


def test_defaults_need_nothing_from_the_environment() -> None:
    settings = resolve(**ARGUMENTS, environment={})
    assert settings.endpoint == Endpoint("127.0.0.1:50051")
    assert settings.mode is Mode.ONLINE
    assert settings.spool_root == Path.home() / ".local" / "state" / "paramedic" / "spool"
    assert settings.name == ""


def test_the_environment_fills_in_what_arguments_leave_open(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"certificate")
    settings = resolve(
        **ARGUMENTS,
        environment={
            "PARAMEDIC_URL": "service:1234",
            "PARAMEDIC_TOKEN": "secret",
            "PARAMEDIC_TLS_CA": str(tmp_path / "ca.pem"),
            "PARAMEDIC_MODE": "offline",
            "PARAMEDIC_SPOOL_DIR": str(tmp_path),
        },
    )
    assert settings.endpoint == Endpoint("service:1234", True, b"certificate", "secret")
    assert settings.mode is Mode.OFFLINE
    assert settings.spool_directory == tmp_path / "p" / "r-0-0"


def test_arguments_win_over_the_environment(tmp_path: Path) -> None:
    chosen = {"url": "mine:1", "token": "mine", "mode": "disabled", "spool_dir": tmp_path / "mine"}
    settings = resolve(
        **ARGUMENTS | chosen,
        environment={
            "PARAMEDIC_URL": "theirs:1",
            "PARAMEDIC_TOKEN": "theirs",
            "PARAMEDIC_MODE": "online",
            "PARAMEDIC_SPOOL_DIR": "/theirs",
        },
    )
    assert settings.endpoint == Endpoint("mine:1", token="mine")
    assert settings.mode is Mode.DISABLED
    assert settings.spool_root == tmp_path / "mine"


@pytest.mark.parametrize(
    ("url", "target", "tls"),
    [
        ("host", "host:50051", False),
        ("host:1", "host:1", False),
        ("grpc://host:1", "host:1", False),
        ("grpcs://host:1", "host:1", True),
        ("grpcs://host", "host:50051", True),
        ("grpc://host:1/", "host:1", False),
        ("[::1]:1", "[::1]:1", False),
        ("10.0.0.1:65535", "10.0.0.1:65535", False),
    ],
)
def test_an_address_says_where_and_whether_encrypted(url: str, target: str, tls: bool) -> None:
    assert resolve_endpoint(url, environment={}) == Endpoint(target, tls)


def test_tls_can_be_asked_for_by_the_environment() -> None:
    assert resolve_endpoint("host:1", environment={"PARAMEDIC_TLS": "1"}).tls
    assert not resolve_endpoint("host:1", environment={"PARAMEDIC_TLS": "0"}).tls


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"project": ""}, ValueError, "project: a name has 1 to 128 characters, not 0"),
        ({"project": "x" * 129}, ValueError, "not 129"),
        ({"project": 3}, TypeError, "project: expected a string, got int"),
        ({"id": "a\nb"}, ValueError, "control characters"),
        ({"id": "\ud800"}, ValueError, "UTF-8"),
        ({"name": ""}, ValueError, "name: a name has"),
        ({"attempt": -1}, ValueError, "attempt: expected 0 to"),
        ({"rank": 1.0}, TypeError, "rank: expected an integer, got float"),
        ({"mode": "on"}, ValueError, "mode: expected one of 'online', 'offline', 'disabled', got 'on'"),
        ({"stop_on": "fatal"}, ValueError, "stop_on: expected one of 'info', 'warning', 'critical' or None"),
        ({"url": "http://host:1"}, ValueError, "url: expected host:port, grpc://host:port or grpcs://host:port"),
        ({"url": "host:port"}, ValueError, "url: expected host:port"),
        ({"url": "host:70000"}, ValueError, "expected a port from 1 to 65535"),
        ({"url": "user@host:1"}, ValueError, "url: expected host:port"),
        ({"url": 50051}, TypeError, "url: expected a string"),
        ({"token": "secret\n"}, ValueError, "is there a line break at its end"),
        ({"token": b"secret"}, TypeError, "token: expected a string"),
        ({"tls_ca": "/nowhere.pem"}, ValueError, "tls_ca: cannot read the certificates in /nowhere.pem"),
        ({"config": [1]}, TypeError, "config: expected a mapping, got list"),
        ({"config": {"text": "x" * 600_000}}, ValueError, "config: 6000"),
    ],
    ids=str,
)
def test_a_bad_argument_is_refused_by_name(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        paramedic.init(**{"mode": "disabled"} | arguments)
    assert message in str(caught.value)


def test_a_config_that_contains_itself_is_refused() -> None:
    config: dict[str, Any] = {}
    config["self"] = config
    with pytest.raises(ValueError, match="does it contain itself"):
        paramedic.init(config=config, mode="disabled")


@pytest.mark.parametrize(
    ("variable", "value"), [("PARAMEDIC_MODE", "on"), ("PARAMEDIC_URL", "http://x"), ("PARAMEDIC_TLS", "perhaps")]
)
def test_a_bad_variable_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{variable}: expected"):
        resolve(**ARGUMENTS, environment={variable: value})


def test_made_up_ids_differ() -> None:
    ids = {resolve(**ARGUMENTS | {"id": None}, environment={}).id for _ in range(100)}
    assert len(ids) == 100


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../../etc", "x" * 128, "é" * 128, "a b", "\u202e"])
def test_every_name_has_a_directory_of_its_own_within_the_root(tmp_path: Path, name: str) -> None:
    directory = resolve(**ARGUMENTS | {"project": name, "id": name, "spool_dir": tmp_path}).spool_directory
    assert directory.resolve().parent.parent == tmp_path.resolve()
    directory.mkdir(parents=True)


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Endpoint("host:1", token="secret"))


@pytest.mark.parametrize(
    ("url", "exposed"),
    [("far:1", True), ("grpcs://far:1", False), ("localhost:1", False), ("127.0.0.1:1", False), ("[::1]:1", False)],
)
def test_a_token_is_exposed_only_on_a_network_without_encryption(url: str, exposed: bool) -> None:
    assert exposes_token(resolve_endpoint(url, "secret", environment={})) == exposed
    assert not exposes_token(resolve_endpoint(url, environment={}))
