"""The weights after a fit are the same, to the bit, with and without the Monitor."""

from typing import Any

import lightning.pytorch as lightning
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from paramedic.integrations.lightning import Monitor

BATCH, BATCHES = 8, 60


class Sequences(lightning.LightningModule):
    """A recurrent layer, batch normalisation and dropout, so that buffers and random numbers are at stake."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = torch.nn.LSTM(4, 8, batch_first=True)
        self.rest = torch.nn.Sequential(torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 3))

    def loss(self, batch: Any) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(self.rest(self.recurrent(batch[0])[0][:, -1]), batch[1])

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.loss(batch)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), 0.01)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]


class ByHand(Sequences):
    """Optimizes by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(self.loss(batch))
        self.clip_gradients(optimizer, gradient_clip_val=0.1)
        optimizer.step()


def left(callbacks: list[Any], kind: type[Sequences] = Sequences, **arguments: Any) -> list[bytes]:
    """Everything a fit leaves: weights, buffers, the optimizer's state, and random numbers."""
    lightning.seed_everything(3, verbose=False)
    x = torch.randn(BATCH * BATCHES, 6, 4)
    data = TensorDataset(x, x[:, 0, :3].argmax(1))
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    fit = lightning.Trainer(
        accelerator="cpu",
        callbacks=callbacks,
        enable_checkpointing=False,
        **{"max_epochs": 2} | quiet | arguments,
    )
    model = kind()
    fit.fit(model, DataLoader(data, BATCH, shuffle=True), DataLoader(data, 96))
    state = [value for each in fit.optimizers[0].state.values() for value in each.values()]
    return [tensor.numpy().tobytes() for tensor in [*model.state_dict().values(), *state, torch.rand(1)]]


FITS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulated and clipped": {"accumulate_grad_batches": 2, "gradient_clip_val": 0.1, "max_epochs": 4},
    "half precision": {"precision": "bf16-mixed"},
    "by hand": {"kind": ByHand},
}


@pytest.mark.parametrize("name", FITS)
def test_a_fit_leaves_the_same_bits_with_the_monitor(name: str, recording) -> None:
    bare = left([], **FITS[name])
    monitored = left([Monitor(recording.run, every=5)], **FITS[name])
    told = recording.told()
    assert len(told.scalar("loss")) == 120
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
    assert bare == monitored
