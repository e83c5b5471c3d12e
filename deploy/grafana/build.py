"""Writes the dashboards; with --check tells which are not what this says.

python deploy/grafana/build.py
"""

import sys
from pathlib import Path

from page import HEALTH, Page

DASHBOARDS = Path(__file__).parent / "dashboards"


def main() -> None:
    """Writes or checks every dashboard."""
    pages = {f"{page.uid}.json": page.json() for page in (fleet(), run(), service(), reproductions())}
    present = {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS.glob("*.json")}
    if sys.argv[1:] == ["--check"]:
        stale = sorted(name for name in pages | present if pages.get(name) != present.get(name))
        if stale:
            sys.exit(f"{', '.join(stale)}: not what deploy/grafana/build.py says; run it and commit the result")
        return
    DASHBOARDS.mkdir(exist_ok=True)
    for name, text in pages.items():
        (DASHBOARDS / name).write_text(text, encoding="utf-8")


def fleet() -> Page:
    """All runs: how many are ill, which, and of what."""
    chosen = '{project=~"$project"}'
    page = Page("fleet", "Every run, the worst first.")
    page.choose("project", "label_values(paramedic_run_info, project)", many=True)
    page.row("Health")
    for name, (value, colour) in HEALTH.items():
        # A run is as ill as the worst of its ranks.
        count = f"count(max by (project, run) (paramedic:run_health:worst{chosen}) == {value}) or vector(0)"
        page.number(f"Running: {name}", count, width=6, colour=colour)
    worst = f"sort_desc(max by (project, run) (paramedic:run_health:worst{chosen}))"
    page.listing("Running, the worst first", worst, width=10, value="health")
    incidents = f"max by (project, run, severity, summary, remedy) (last_over_time(paramedic_run_incident{chosen}[2m]))"
    page.listing("Open incidents, with what to do", incidents, width=14)
    page.row("Findings")
    page.lines("Open, by rule", {"{{rule}}": f"sum by (rule) (last_over_time(paramedic_run_findings{chosen}[2m]))"})
    opened = 'sum by (rule) (paramedic_findings_total{change="opened"})'
    page.bars("Opened since the service started, by rule", opened, "{{rule}}")
    page.row("Progress")
    loss = f"avg by (project, run) (paramedic_run_loss{chosen})"
    page.lines("Loss, over all ranks", {"{{project}}/{{run}}": loss}, log=True)
    pace = f"min by (project, run) (deriv(paramedic_run_step{chosen}[$__rate_interval]))"
    page.lines("Steps a second, of the slowest rank", {"{{project}}/{{run}}": pace})
    return page


def run() -> Page:
    """One run: loss, gradients by layer, updates, what was found and what to do."""
    chosen = '{project="$project",run="$run"}'
    process = "attempt {{attempt}}, rank {{rank}}"
    page = Page("run", "One run, with its findings as annotations.")
    page.choose("project", "label_values(paramedic_run_info, project)")
    page.choose("run", 'label_values(paramedic_run_info{project="$project"}, run)')
    page.annotate("Findings", f"max by (rule) (paramedic_run_findings{chosen})")
    page.number("Health", f"max(paramedic:run_health:worst{chosen}) or vector(0)", width=6)
    page.number("Step", f"max(paramedic_run_step{chosen})", width=6)
    page.number("Loss", f"max(paramedic_run_loss{chosen})", width=6, decimals=4)
    silence = f"time() - max(paramedic_run_last_report_timestamp_seconds{chosen})"
    page.number("Since the last report", silence, width=6, unit="s")
    told = f"max by (severity, cause, summary, remedy, verdict) (last_over_time(paramedic_run_incident{chosen}[5m]))"
    page.listing("Incidents: cause, remedy, and the verdict of a reproduction", told, width=24)
    page.lines("Loss", {process: f"paramedic_run_loss{chosen}"}, log=True)
    page.lines("Gradient norm", {process: f"paramedic_run_gradient_norm{chosen}"}, log=True)
    norms = f"log10(max by (tensor) (paramedic_run_tensor_gradient_norm{chosen}) > 0)"
    page.heat("Gradient norm by tensor, log10", norms, "{{tensor}}")
    ratios = {"{{tensor}}": f"max by (tensor) (paramedic_run_tensor_update_ratio{chosen})"}
    page.lines("Update over weight by tensor: 0.001 is usual", ratios, log=True)
    open_now = f"max by (attempt, rank, rule) (paramedic_run_findings{chosen})"
    page.states("Findings", open_now, f"{{{{rule}}}}, {process}")
    page.lines("Other signals", {"{{signal}}": f"max by (signal) (paramedic_run_scalar{chosen})"})
    return page


def service() -> Page:
    """The service itself: is it there, does it keep up, does it have room."""
    chosen = '{instance=~"$instance"}'
    scraped = '{job="paramedic",instance=~"$instance"}'
    page = Page("service", "The service itself.")
    page.choose("instance", "label_values(paramedic_runs_in_memory, instance)", many=True)
    page.number("Up", f"min(up{scraped})", width=4)
    page.number("Runs in memory", f"sum(paramedic_runs_in_memory{chosen})", width=4)
    page.number("Streams", f"sum(paramedic_open_streams{chosen})", width=4)
    page.number("Series cut off", f"sum(paramedic_exposition_series_dropped{chosen})", width=4)
    page.number("Scrape", f"max(scrape_duration_seconds{scraped})", width=4, unit="s", decimals=3)
    memory = f"max(process_resident_memory_bytes{scraped} / on (job, instance) paramedic_memory_limit_bytes)"
    page.number("Memory of its bound", memory, width=4, unit="percentunit", decimals=2)
    page.row("Ingest")
    taken = {
        "rows": f"sum({_rate(f'paramedic_ingest_rows_total{chosen}')})",
        "{{kind}}": f"sum by (kind) ({_rate(f'paramedic_ingest_entries_total{chosen}')})",
    }
    page.lines("Rows and entries a second", taken)
    lost = {
        "entries refused": f"sum({_rate(f'paramedic_ingest_rejections_total{chosen}')}) or vector(0)",
        "rows given up by clients": f"sum({_rate(f'paramedic_client_dropped_rows_total{chosen}')}) or vector(0)",
        "entries not judged": f"sum({_rate(f'paramedic_fold_failures_total{chosen}')})",
    }
    page.lines("Lost, a second", lost)
    durations = {
        name: _quantile(0.99, f"paramedic_{name}_duration_seconds_bucket{chosen}")
        for name in ("commit", "fold", "checkpoint")
    }
    page.lines("Durations, 99th percentile", durations, unit="s", log=True)
    waiting = {"bytes": f"sum(paramedic_ingest_queued_bytes{chosen})"}
    page.lines("Waits to become durable", waiting, unit="bytes")
    page.row("Calls and notices")
    calls = {"{{method}} {{code}}": f"sum by (method, code) ({_rate(f'paramedic_rpcs_total{chosen}')})"}
    page.lines("Calls a second", calls)
    notices = {"{{outcome}}": f"sum by (outcome) ({_rate(f'paramedic_notices_total{chosen}')}) or vector(0)"}
    page.lines("Notices a second", notices)
    page.row("Room")
    store = {"used": f"paramedic_store_bytes{chosen}", "free": f"paramedic_store_free_bytes{chosen}"}
    page.lines("Store", store, unit="bytes", log=True)
    resident = {
        "resident": f"process_resident_memory_bytes{scraped}",
        "bound": f"paramedic_memory_limit_bytes{chosen}",
    }
    page.lines("Memory", resident, unit="bytes", log=True)
    return page


def reproductions() -> Page:
    """Reproductions: what waits, how long they take, what they prove."""
    page = Page("reproductions", "Trainings that were tried again.")
    page.number("Waiting", "sum(paramedic_reproductions_waiting)", width=6)
    page.number("Running", "sum(paramedic_reproductions_running)", width=6)
    ended = "sum by (state, verdict) (paramedic_reproductions_total)"
    page.bars("Ended, by state and verdict", ended, "{{state}} {{verdict}}")
    duration = "paramedic_reproduction_duration_seconds_bucket"
    percentiles = {"median": _quantile(0.5, duration, "1h"), "95th percentile": _quantile(0.95, duration, "1h")}
    page.lines("Duration within the last hour", percentiles, unit="s")
    queue = {
        "waiting": "sum(paramedic_reproductions_waiting)",
        "running": "sum(paramedic_reproductions_running)",
    }
    page.lines("Queue", queue)
    return page


def _rate(counter: str) -> str:
    return f"rate({counter}[$__rate_interval])"


def _quantile(share: float, buckets: str, window: str = "$__rate_interval") -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({buckets}[{window}])))"


if __name__ == "__main__":
    main()
