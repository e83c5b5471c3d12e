"""One rank of trainings by DistributedDataParallel, one after the other, on what torchrun puts into the environment.

Arguments: how many steps, and the names of the trainings; a name may say what befalls it.
"""

import hashlib
import os
import signal
import sys
import time
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as distributed

import paramedic
from paramedic.integrations.trainers.together import any_wants, shared_run
from paramedic.integrations.watch import Unwatched

RANK = int(os.environ["RANK"])


def train(steps: int, run: paramedic.Run | None, trouble: str = "") -> str:
    """Trains a small classifier; a digest of all that the training leaves."""
    torch.manual_seed(7)
    layers = [torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(), torch.nn.Dropout(0.1)]
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(*layers, torch.nn.Linear(16, 3)))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    torch.manual_seed(RANK)
    watch: Any = Unwatched() if run is None else run.watch(model, optimizer, every=16)
    for step in range(1, steps + 1):
        x = torch.randn(16, 8)
        if trouble == "slow" and RANK == 1:
            time.sleep(0.02)  # a slow disk
        if trouble == "killed" and RANK == 1 and step == steps // 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if trouble == "apart" and RANK == 1 and step == steps // 2:
            with torch.no_grad():
                model.module[0].weight.mul_(1.5)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), x[:, :3].argmax(1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        watch.log(loss=loss)
    assert not watch.off or run is None
    watch.remove()
    state = [value for each in optimizer.state.values() for value in each.values()]
    tensors = [*model.state_dict().values(), *state, torch.rand(1)]
    return hashlib.sha256(b"".join(tensor.numpy().tobytes() for tensor in tensors)).hexdigest()


def agree() -> None:
    """What trainers' monitors do among themselves: find one run, and stop together or not at all."""
    with shared_run("agreed", None, RANK, 2, None) as run:
        ids: list[Any] = [None, None]
        distributed.all_gather_object(ids, (run.identity.id, run.identity.attempt))
        assert ids[0] == ids[1], ids
        assert run.identity.rank == RANK
    assert any_wants(RANK == 1, 2, torch.device("cpu"))
    assert not any_wants(False, 2, torch.device("cpu"))


def main(steps: int, names: list[str]) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", timeout=timedelta(seconds=30))
    agree()
    bare = train(steps, None)
    for name in names:
        with paramedic.init("ddp", id=name) as run:
            left = train(steps, run, name)
            assert not run.dropped, run.dropped
        assert name != "sound" or left == bare, "the training is another one when it is watched"
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
