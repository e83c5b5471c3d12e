"""Every benchmark, one after another; the last line is one JSON object with all figures.

Each runs in a process of its own, because what one leaves behind (threads, caches, a framework) would slow the next.
"""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = (
    "client_log",
    "ingest",
    "scrape",
    "monitor",
    "keras_backends",
    "tensorflow_watch",
    "tensorflow1_watch",
    "torch_watch",
    "lightning_monitor",
    "huggingface_monitor",
    "jax_watch",
    "reproduction",
    "reproduction_request",
)


def main() -> None:
    figures: dict[str, float] = {}
    for name in BENCHMARKS:
        print(f"{name} ...", flush=True)
        command = [sys.executable, str(Path(__file__).with_name(f"{name}.py"))]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        measured = json.loads(output.strip().splitlines()[-1])
        for figure, value in measured.items():
            print(f"    {figure:40s} {value:.4g}", flush=True)
        figures |= measured
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
