"""The README's way to a first alert leads there."""

import re
from pathlib import Path

from support.command import serving
from support.prometheus import scraping

ROOT = Path(__file__).parents[3]


def test_the_training_of_the_guide_wakes_an_alert(tmp_path, monkeypatch):
    guide = (ROOT / "README.md").read_text().partition("## From zero to the first alert")[2]
    program = re.search(r"```python\n(.*?)```", guide, re.DOTALL)[1]
    with (
        serving(tmp_path) as service,
        scraping(service.http.removeprefix("http://"), tmp_path, rules=ROOT / "deploy/prometheus/rules.yaml") as server,
    ):
        monkeypatch.setenv("PARAMEDIC_URL", service.grpc)
        monkeypatch.setenv("PARAMEDIC_SPOOL_DIR", str(tmp_path / "spool"))
        hurried = program.replace("time.sleep(0.1)", "time.sleep(0)").replace("run.finish()", "")
        told = {}
        exec(hurried, told)
        (alert,) = server.wait_for('ALERTS{alertname="ParamedicDivergence",alertstate="firing",severity="critical"}')
        assert alert["metric"]["project"] == "first"
        told["run"].finish()
