"""What the Monitor of a transformers.Trainer costs a small BERT's training, with no service listening."""

import json
import os
import tempfile
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from pairs import alternate, overhead
from transformers import BertConfig, BertForSequenceClassification, PrinterCallback, Trainer, TrainingArguments

import paramedic
from paramedic.integrations.huggingface import Monitor

WORDS, LENGTH, CLASSES, BATCH = 1000, 20, 3, 32
BATCHES = 250  # what a trainer does once a training must not pass for the cost of a step
PAIRS, ALL_SIGNALS_PAIRS = 8, 3
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol

BERT = BertConfig(
    vocab_size=WORDS,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
    max_position_embeddings=LENGTH,
    num_labels=CLASSES,
)


def measure() -> dict[str, float]:
    """Alternates trainings with and without the Monitor, in one process.

    Returns:
        As `pairs.overhead` says: `huggingface_monitor_...` without probes, `huggingface_monitor_all_signals_...` with
        them, on their default schedule; `huggingface_monitor_bare_step_us`: a bare training's time a step.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    words = torch.randint(0, WORDS, (BATCHES * BATCH, LENGTH))
    samples = [{"input_ids": sample, "labels": sample[0] % CLASSES} for sample in words]
    with tempfile.TemporaryDirectory() as directory:
        run = paramedic.init("benchmark", url=NOBODY, spool_dir=directory)

        def train(model: Any, *callbacks: Any) -> None:
            arguments = TrainingArguments(
                directory,
                num_train_epochs=1,
                per_device_train_batch_size=BATCH,
                use_cpu=True,
                report_to=[],
                disable_tqdm=True,
                logging_strategy="no",
                save_strategy="no",
            )
            trainer = Trainer(model, arguments, train_dataset=samples, callbacks=list(callbacks))
            trainer.remove_callback(PrinterCallback)
            trainer.train()

        bare, figures = BertForSequenceClassification(BERT), {}
        for name, pairs, probes in (
            ("huggingface_monitor", PAIRS, False),
            ("huggingface_monitor_all_signals", ALL_SIGNALS_PAIRS, True),
        ):
            watched, monitor = BertForSequenceClassification(BERT), Monitor(run, probes=probes)
            times = alternate(lambda: train(bare), lambda model=watched, own=monitor: train(model, own), pairs)
            figures |= overhead(name, times)
            figures["huggingface_monitor_bare_step_us"] = float(np.median(times[:, 0, 0]) / BATCHES * 1e6)
        run.finish(timeout=10)
    return figures


if __name__ == "__main__":
    print(json.dumps(measure()))
