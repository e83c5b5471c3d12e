"""The examples of those who leave the loop to a trainer, or to several processes."""

from pathlib import Path

import pytest

from support.examples import example
from support.spooled import Told


def improved(told: Told) -> bool:
    """Whether the loss has become less than half of what it was."""
    losses = list(told.scalar("loss").values())
    return sum(losses[-10:]) / 10 < losses[0] / 2


def test_lightning(tmp_path: Path) -> None:
    (told,) = example("lightning_trainer", tmp_path)
    assert list(told.scalar("loss")) == list(range(1, 175))
    assert improved(told)
    assert list(told.scalar("val_loss")) == [58, 116, 174]
    assert told.order[-2:] == ["training_ended", "finish"]


def test_hugging_face(tmp_path: Path) -> None:
    (told,) = example("huggingface_trainer", tmp_path, HF_HUB_OFFLINE="1", ACCELERATE_USE_CPU="1")
    assert list(told.scalar("loss")) == list(range(1, 169))
    assert improved(told)
    assert list(told.scalar("val_loss")) == [56, 112, 168]
    assert told.order[-2:] == ["training_ended", "finish"]


def test_ranks_of_a_distributed_training_share_a_run(tmp_path: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1", "--nproc-per-node=2")
    ranks = example("pytorch_ddp", tmp_path, *torchrun, GLOO_SOCKET_IFNAME="lo")
    assert [told.steps() for told in ranks] == [list(range(1, 193))] * 2
    assert all(improved(told) for told in ranks)
    assert ranks[0].norms("gradient_norm") == pytest.approx(ranks[1].norms("gradient_norm"))
    (run,) = (tmp_path / "spool").iterdir()
    assert len({directory.name.rpartition("-")[0] for directory in run.iterdir() if directory.is_dir()}) == 1
