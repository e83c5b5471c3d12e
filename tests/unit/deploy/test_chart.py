"""The Helm chart, rendered by Helm: strict about what Kubernetes takes, and about what a pod may do."""

import re
import subprocess
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from paramedic_service.settings import Settings
from support.chart import CHART, PRODUCTION, ROOT, manifests, render
from support.prometheus import binary

KUBERNETES = "1.29"
OPERATOR = "monitoring.coreos.com/v1"
RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"


@pytest.fixture(scope="module")
def default():
    return render()


@pytest.fixture(scope="module")
def production():
    return render(PRODUCTION)


@pytest.fixture(params=["default", "production"])
def rendered(request):
    return request.getfixturevalue(request.param)


def with_values(directory: Path, text: str):
    """What the chart renders with these values."""
    file = directory / "values.yaml"
    file.write_text(text)
    return render(file)


def pod_of(rendered):
    return rendered["StatefulSet"]["spec"]["template"]["spec"]


def container_of(rendered):
    (container,) = pod_of(rendered)["containers"]
    return container


def variables_of(rendered):
    """Of the container, by name; None for what a secret says."""
    return {each["name"]: each.get("value") for each in container_of(rendered)["env"]}


def test_the_plain_manifests_are_what_the_chart_renders():
    checked = manifests("--check")
    assert checked.returncode == 0, checked.stderr


def test_the_chart_is_of_this_release():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_kubernetes_takes_every_object(rendered):
    for each in rendered.values():
        if each["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_what_kubernetes_does_not_know_is_noticed(default):
    service = {**default["Service"], "specs": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, KUBERNETES, strict=True)


def test_names_and_labels_hold_it_together(rendered):
    pod = rendered["StatefulSet"]["spec"]["template"]["metadata"]["labels"].items()
    assert rendered["StatefulSet"]["spec"]["selector"]["matchLabels"].items() <= pod
    assert rendered["Service"]["spec"]["selector"].items() <= pod
    assert rendered["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= pod
    assert rendered["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= pod
    assert pod_of(rendered)["serviceAccountName"] == rendered["ServiceAccount"]["metadata"]["name"]
    assert rendered["StatefulSet"]["spec"]["serviceName"] == rendered["Service"]["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in container_of(rendered)["ports"]}
    assert ports == {"grpc": 50051, "http": 9850}
    assert {port["targetPort"]: port["port"] for port in rendered["Service"]["spec"]["ports"]} == ports


def test_one_pod_writes_to_one_volume_where_the_image_expects_it(rendered):
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert rendered["StatefulSet"]["spec"]["replicas"] == 1
    (claim,) = rendered["StatefulSet"]["spec"]["volumeClaimTemplates"]
    (mount,) = (each for each in container_of(rendered)["volumeMounts"] if not each.get("readOnly"))
    assert mount["name"] == claim["metadata"]["name"]
    assert set(re.findall(r"^VOLUME (\S+)$", dockerfile, re.M)) == {mount["mountPath"]}
    user = pod_of(rendered)["securityContext"]
    assert set(re.findall(r"^USER (\S+)$", dockerfile, re.M)) == {f"{user['runAsUser']}:{user['runAsGroup']}"}
    assert user["fsGroup"] == user["runAsGroup"]


def test_the_pod_may_do_nothing_that_it_need_not(rendered):
    pod = pod_of(rendered)
    assert rendered["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container_of(rendered)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container_of(rendered)["resources"]["limits"]


def test_services_of_the_cluster_are_not_taken_for_settings(rendered):
    assert pod_of(rendered)["enableServiceLinks"] is False


def test_probes_ask_by_grpc_unless_it_speaks_tls(default, production):
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container_of(default)[probe]["grpc"] == {"port": 50051}
        assert "grpc" not in container_of(production)[probe]
    assert container_of(production)["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container_of(production)["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_the_grace_of_the_pod_covers_a_drain(rendered):
    assert pod_of(rendered)["terminationGracePeriodSeconds"] >= 2 * Settings().drain_grace


def test_the_service_takes_what_the_pod_tells_it(production, monkeypatch, tmp_path):
    of_secrets = {
        "PARAMEDIC_STORE_URL": "postgresql+psycopg://u:p@h/d",
        "PARAMEDIC_TOKEN": "t",
        "PARAMEDIC_NOTIFY_URL": "https://hooks.example.com/",
        "PARAMEDIC_NOTIFY_SECRET": "s",
    }
    told = variables_of(production)
    assert {name for name, value in told.items() if value is None} == of_secrets.keys()
    for name, value in told.items():
        monkeypatch.setenv(name, of_secrets[name] if value is None else value)
    settings = Settings()
    assert settings.max_sample_bytes == 134217728
    assert settings.auto_reproduce == {"*"}
    assert settings.notify_layout == "slack"
    assert settings.runbooks_url == "https://runbooks.example.com/paramedic"
    assert str(settings.tls_key) == "/etc/paramedic/tls/tls.key"
    (tls,) = pod_of(production)["volumes"]
    assert (tls["secret"]["secretName"], tls["secret"]["defaultMode"]) == ("paramedic-tls", 0o440)


def test_every_setting_is_the_charts_own_or_can_be_set(production, tmp_path):
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    free = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    set_here = {"max_runs", "max_sample_bytes", "notify_layout", "auto_reproduce"}
    own = {name.removeprefix("PARAMEDIC_").lower() for name in variables_of(production)} - set_here
    of_the_image = {"grpc_host", "grpc_port", "http_host", "http_port"}
    assert free | own | of_the_image == Settings.model_fields.keys(), "run `make manifests`"
    assert not free & (own | of_the_image)


@pytest.mark.parametrize("values", ["settings: {max_run: 1}", "tsl: {secret: s}", "token: secret"])
def test_values_that_mean_nothing_are_refused(values, tmp_path):
    file = tmp_path / "values.yaml"
    file.write_text(values)
    refused = manifests("--render", str(file))
    assert refused.returncode != 0
    assert "values don't meet" in refused.stderr


def test_secrets_are_named_and_never_held(rendered):
    assert "Secret" not in rendered


def test_a_gpu_is_asked_for_where_reproductions_have_one(default, production, tmp_path):
    assert container_of(production)["resources"]["limits"] == {"memory": "8Gi", "nvidia.com/gpu": 1}
    assert pod_of(production)["runtimeClassName"] == "nvidia"
    assert container_of(production)["image"].endswith("-reproducer-gpu")
    on_the_cpu = with_values(tmp_path, "reproductions: {enabled: true}")
    assert container_of(on_the_cpu)["image"] == "paramedic:reproducer"
    assert "nvidia.com/gpu" not in container_of(on_the_cpu)["resources"]["limits"]
    assert container_of(default)["image"] == "paramedic:service"


def ports_of(rule):
    return {(port["protocol"], port["port"]) for port in rule["ports"]}


def test_the_network_lets_in_what_reports_and_what_scrapes(rendered):
    spec = rendered["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert [ports_of(rule) for rule in spec["ingress"]] == [{("TCP", 50051)}, {("TCP", 9850)}]
    assert all(rule["from"] for rule in spec["ingress"]), "an empty list lets in everybody"


def test_the_network_lets_out_to_names_and_to_what_is_configured(default, production):
    names = {("UDP", 53), ("TCP", 53)}
    assert [ports_of(rule) for rule in default["NetworkPolicy"]["spec"]["egress"]] == [names]
    egress = production["NetworkPolicy"]["spec"]["egress"]
    assert [ports_of(rule) for rule in egress] == [names, {("TCP", 5432)}, {("TCP", 443)}]
    assert egress[1]["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "databases"}}}]


def test_prometheus_operator_gets_the_rules_as_they_are(default):
    rule = default["PrometheusRule"]
    assert rule["apiVersion"] == OPERATOR
    assert rule.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert rule["spec"] == yaml.safe_load(RULES.read_text())


def test_links_of_the_rules_lead_to_where_runbooks_are_read(production, tmp_path):
    links = re.findall(r"else }}([^{]*){{ end }}/", str(production["PrometheusRule"]["spec"]))
    assert set(links) == {"https://runbooks.example.com/paramedic"}
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(production["PrometheusRule"]["spec"]))
    checked = subprocess.run([binary("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_operator_finds_the_service_under_the_name_that_alerts_look_for(rendered):
    monitor = rendered["ServiceMonitor"]
    assert monitor["apiVersion"] == OPERATOR
    assert monitor["spec"].keys() == {"selector", "endpoints"}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= rendered["Service"]["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {
        "port": "http",
        "path": "/metrics",
        "interval": "15s",
        "scrapeTimeout": "10s",
        "relabelings": [{"targetLabel": "job", "replacement": "paramedic"}],
    }
    assert endpoint["port"] in {port["name"] for port in rendered["Service"]["spec"]["ports"]}


def test_the_operators_label_is_on_what_it_selects(production):
    for kind in ("ServiceMonitor", "PrometheusRule"):
        assert production[kind]["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_grafanas_sidecar_finds_every_dashboard_as_it_is(rendered):
    dashboards = rendered["ConfigMap"]
    assert dashboards["metadata"]["labels"]["grafana_dashboard"] == "1"
    files = {path.name: path.read_text() for path in (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")}
    assert dashboards["data"] == files
    assert sum(map(len, files.values())) < 1_000_000, "a ConfigMap holds 1 MiB"


def test_a_cluster_without_the_operator_is_asked_for_nothing_of_it(tmp_path):
    values = "monitoring: {serviceMonitor: false, prometheusRule: false, dashboards: false}"
    assert not {"ServiceMonitor", "PrometheusRule", "ConfigMap"} & with_values(tmp_path, values).keys()
