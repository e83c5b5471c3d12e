"""The compose file: its parts find each other and their files, and may do no more than they must."""

import re

import pytest
import yaml

from support.chart import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def mounts():
    """Each mount as service, source, target."""
    return [(name, *mount.split(":")[:2]) for name, service in SERVICES.items() for mount in service["volumes"]]


def load(path):
    return yaml.safe_load((DEPLOY / path).read_text())


def shown_at(name, path):
    """The file of the repository that a service sees at a path."""
    for service, source, target in mounts():
        if service == name and source.startswith(".") and path.startswith(target + "/"):
            return DEPLOY / source / path.removeprefix(target + "/")
    raise AssertionError(f"{name} sees nothing of the repository at {path}")


def test_what_is_mounted_is_there():
    for _, source, _ in mounts():
        assert (DEPLOY / source).is_dir() if source.startswith(".") else source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_each_is_pinned_and_hardened(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    writable = [source for owner, source, _ in mounts() if owner == name and not source.startswith(".")]
    assert writable == [name], "one volume of its own"


def test_paramedic_is_built_from_this_repository_and_has_time_to_drain():
    built = SERVICES["paramedic"]["build"]
    assert (DEPLOY / built["context"]).resolve() == ROOT
    targets = re.findall(r"AS (\w+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert built["target"] == "${PARAMEDIC_TARGET:-reproducer}"
    assert "reproducer" in targets
    assert SERVICES["paramedic"]["image"].rpartition(":")[0]
    assert int(SERVICES["paramedic"]["stop_grace_period"].removesuffix("s")) >= 20


def test_the_parts_find_each_other():
    prometheus = load("prometheus/prometheus.yaml")
    (job,) = prometheus["scrape_configs"]
    (manager,) = prometheus["alerting"]["alertmanagers"]
    source = load("grafana/provisioning/datasources/prometheus.yaml")["datasources"][0]["url"]
    addresses = [
        *job["static_configs"][0]["targets"],
        *manager["static_configs"][0]["targets"],
        source[len("http://") :],
    ]
    assert addresses == ["paramedic:9850", "alertmanager:9093", "prometheus:9090"]
    for address in addresses:
        name, _, port = address.partition(":")
        assert any(published.endswith(f":{port}") for published in SERVICES[name]["ports"])


def test_commands_and_provisioning_name_files_that_are_mounted():
    for name in ("prometheus", "alertmanager"):
        (config,) = (word for word in SERVICES[name]["command"] if word.startswith("--config.file="))
        assert shown_at(name, config.partition("=")[2]).is_file()
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert shown_at("grafana", home).is_file()
    (provider,) = load("grafana/provisioning/dashboards/paramedic.yaml")["providers"]
    assert shown_at("grafana", provider["options"]["path"] + "/paramedic-run.json").is_file()
    (config,) = (word for word in SERVICES["prometheus"]["command"] if word.startswith("--storage"))
    assert ("prometheus", "prometheus", config.partition("=")[2]) in mounts()
