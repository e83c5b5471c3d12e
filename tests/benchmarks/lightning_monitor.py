"""What the Lightning Monitor costs a small LSTM's fit, with no service listening."""

import json
import logging
import os
import tempfile
import warnings
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import lightning.pytorch as lightning
import numpy as np
import torch
from pairs import alternate, overhead
from torch.utils.data import DataLoader, TensorDataset

import paramedic
from paramedic.integrations.lightning import Monitor

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
BATCHES = 500  # what a trainer does once a fit must not pass for the cost of a step
PAIRS, ALL_SIGNALS_PAIRS = 12, 5
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


class Classifier(lightning.LightningModule):
    """One LSTM whose last output is read."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(FEATURES, UNITS, batch_first=True)
        self.head = torch.nn.Linear(UNITS, CLASSES)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        x, y = batch
        return torch.nn.functional.cross_entropy(self.head(self.lstm(x)[0][:, -1]), y)

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters())


def measure() -> dict[str, float]:
    """Alternates fits with and without the Monitor, in one process.

    Returns:
        As `pairs.overhead` says: `lightning_monitor_...` without probes, `lightning_monitor_all_signals_...` with them,
        on their default schedule; `lightning_monitor_bare_step_us`: a bare fit's time a step.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(BATCHES * BATCH, STEPS, FEATURES), torch.randint(0, CLASSES, (BATCHES * BATCH,)))
    loader = DataLoader(data, batch_size=BATCH)
    with tempfile.TemporaryDirectory() as spool:
        run = paramedic.init("benchmark", url=NOBODY, spool_dir=spool)
        bare = Classifier()

        def fit(model: Classifier, *callbacks: Any) -> None:
            quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
            trainer = lightning.Trainer(
                max_epochs=1, accelerator="cpu", enable_checkpointing=False, callbacks=list(callbacks), **quiet
            )
            trainer.fit(model, loader)

        figures = {}
        for name, pairs, probes in (
            ("lightning_monitor", PAIRS, False),
            ("lightning_monitor_all_signals", ALL_SIGNALS_PAIRS, True),
        ):
            watched, monitor = Classifier(), Monitor(run, probes=probes)
            times = alternate(lambda: fit(bare), lambda model=watched, own=monitor: fit(model, own), pairs)
            figures |= overhead(name, times)
            figures["lightning_monitor_bare_step_us"] = float(np.median(times[:, 0, 0]) / BATCHES * 1e6)
        run.finish(timeout=10)
    return figures


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    print(json.dumps(measure()))
