"""PyTorch: a loop of one's own, with clipping and validation."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import paramedic

torch.manual_seed(0)
x = torch.randn(4096, 20, 3)  # twenty steps each; which of three features is the largest on average?
training, validation = random_split(TensorDataset(x, x.mean(1).argmax(1)), [3584, 512])


class Classifier(nn.Module):
    """A recurrent layer, read at its last step."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 32, batch_first=True)
        self.output = nn.Linear(32, 3)

    def forward(self, x):
        """Returns logits, [batch, classes]."""
        return self.output(self.lstm(x)[0][:, -1])


model, criterion = Classifier(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
with paramedic.init(project="examples", name="pytorch", config={"epochs": 3}) as run:
    watch = run.watch(model, optimizer, loss=criterion)
    for _ in range(3):
        for features, classes in DataLoader(training, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(model(features), classes)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            watch.log(loss=loss)
        with torch.no_grad():
            watch.epoch_ended(val_loss=criterion(model(validation[:][0]), validation[:][1]))
