"""Lightning: the Monitor is one of the trainer's callbacks."""

import lightning
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset, random_split

from paramedic.integrations.lightning import Monitor


class Classifier(lightning.LightningModule):
    """Tells which of three features is the largest."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))

    def training_step(self, batch, batch_idx):
        """Returns the loss of a batch."""
        features, classes = batch
        return cross_entropy(self.layers(features), classes)

    def validation_step(self, batch, batch_idx):
        """Measures the loss of a batch."""
        features, classes = batch
        self.log("val_loss", cross_entropy(self.layers(features), classes))

    def configure_optimizers(self):
        """Returns what updates the weights."""
        return torch.optim.Adam(self.parameters(), lr=0.01)


if __name__ == "__main__":
    lightning.seed_everything(0)
    x = torch.randn(2048, 8)
    training, validation = random_split(TensorDataset(x, x[:, :3].argmax(1)), [0.9, 0.1])
    monitor = Monitor(project="examples", name="lightning", stop_on="critical")
    trainer = lightning.Trainer(max_epochs=3, callbacks=[monitor], logger=False, enable_checkpointing=False)
    trainer.fit(Classifier(), DataLoader(training, 32, shuffle=True), DataLoader(validation, 32))
