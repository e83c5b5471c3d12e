"""A loop that wrote for TensorBoard: its import is all that changes."""

import random

from paramedic.adapters.tensorboard import SummaryWriter

writer = SummaryWriter("runs/first", project="examples")
weight = 3.0
for step in range(200):
    error = weight - 1 + random.gauss(0, 0.1)
    writer.add_scalar("Loss/train", error**2, step)
    writer.add_scalar("lr", 0.05, step)
    weight -= 0.05 * 2 * error
    if step % 50 == 49:
        writer.add_scalar("Loss/val", (weight - 1) ** 2, step)
writer.close()
