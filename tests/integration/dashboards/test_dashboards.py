"""Every panel of every dashboard shows something once the demo was scraped."""

import json
import subprocess
import sys
from pathlib import Path

import promql_parser
import pytest

from support.command import paramedic, serving
from support.prometheus import binary, scraping

ROOT = Path(__file__).parents[3]
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in (GRAFANA / "dashboards").glob("*.json")}
DEMO = 280  # seconds


def panels(board):
    """Panels that ask something, in the order in which they stand, those within rows included."""
    for panel in board["panels"]:
        yield from (each for each in [panel, *panel.get("panels", ())] if each.get("targets"))


QUESTIONS = [
    pytest.param(target["expr"], id=f"{name}: {panel['title']}: {target.get('legendFormat') or 'value'}")
    for name, board in sorted(DASHBOARDS.items())
    for panel in panels(board)
    for target in panel["targets"]
] + [
    pytest.param(annotation["expr"], id=f"{name}: annotation {annotation['name']}")
    for name, board in sorted(DASHBOARDS.items())
    for annotation in board.get("annotations", {}).get("list", ())
    if "expr" in annotation
]


def asked(expression, **chosen):
    """An expression as Grafana sends it."""
    values = {"project": ".+", "run": ".+", "instance": ".+", "__rate_interval": "1m", **chosen}
    for name, value in values.items():
        expression = expression.replace(f"${name}", value)
    assert "$" not in expression
    return expression


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    binary("prometheus")
    directory = tmp_path_factory.mktemp("dashboards")
    with serving(directory) as service:
        target = service.http.removeprefix("http://")
        rules = ROOT / "deploy" / "prometheus" / "rules.yaml"
        with scraping(target, directory, rules=rules) as prometheus:
            demo = paramedic("demo", "--url", service.grpc, "--json", deadline=DEMO)
            assert demo.returncode == 0, demo.stderr
            yield prometheus


@pytest.fixture(scope="module")
def ill(prometheus):
    """A run with an incident, whose norms are numbers."""
    [series] = prometheus.wait_for('paramedic_run_info{name="vanishing"}')
    return series["metric"]["run"]


def test_the_dashboards_are_what_their_code_says():
    checked = subprocess.run(
        [sys.executable, GRAFANA / "build.py", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_a_data_source_and_a_project_or_instance_can_be_chosen():
    for board in DASHBOARDS.values():
        variables = [variable["name"] for variable in board["templating"]["list"]]
        assert variables[0] == "datasource"
        assert {"project", "instance"} & set(variables) or board["uid"] == "paramedic-reproductions"
        assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels(board))


@pytest.mark.parametrize("expression", QUESTIONS)
def test_an_expression_can_be_parsed(expression):
    promql_parser.parse(asked(expression))


@pytest.mark.parametrize("expression", QUESTIONS)
def test_a_panel_shows_something_of_the_demo(prometheus, ill, expression):
    assert prometheus.wait_for(asked(expression, project="demo", run=ill))


def test_a_broken_expression_shows_nothing(prometheus):
    assert prometheus.query("paramedic_run_los") == []
