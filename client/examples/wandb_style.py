"""A loop that logged to Weights & Biases: its import is all that changes."""

import random

from paramedic.adapters import wandb

wandb.init(project="examples", name="one line", config={"learning_rate": 0.05})
weight = 3.0
for _ in range(200):
    error = weight - 1 + random.gauss(0, 0.1)
    wandb.log({"train": {"loss": error**2}, "lr": 0.05})
    weight -= 0.05 * 2 * error
wandb.finish()
