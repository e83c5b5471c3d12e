"""Models as people write them, trained on tasks that they can learn: nothing is found in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import paramedic
from support.folding import folded, told

STEPS = 150


class Language(nn.Module):
    """A transformer that says the next token."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(20, 32), nn.Parameter(torch.zeros(1, 12, 32))
        layer = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 20)

    def forward(self, tokens: Any) -> Any:
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.head(self.encoder(self.embedding(tokens) + self.position, mask=mask, is_causal=True))


def next_token(model: Any) -> Any:
    tokens = torch.cumsum(torch.randint(1, 3, (16, 13)), 1) % 20
    return functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


class Variational(nn.Module):
    """An autoencoder whose loss has two terms, and is summed over what a sample consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.mean, self.logarithm = nn.Linear(16, 32), nn.Linear(32, 4), nn.Linear(32, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 16))

    def forward(self, x: Any) -> Any:
        hidden = functional.relu(self.hidden(x))
        mean, logarithm = self.mean(hidden), self.logarithm(hidden)
        return self.decoder(mean + torch.randn_like(mean) * (logarithm / 2).exp()), mean, logarithm


def evidence(model: Any) -> Any:
    x = (torch.randn(32, 4) @ torch.linspace(-1, 1, 64).reshape(4, 16).roll(5) > 0).float()
    output, mean, logarithm = model(x)
    error = functional.binary_cross_entropy_with_logits(output, x, reduction="sum") / 32
    return error - 0.5 * (1 + logarithm - mean**2 - logarithm.exp()).sum() / 32


def pixels(model: Any) -> Any:
    x = torch.randn(8, 1, 8, 8)
    return functional.cross_entropy(model(x), (x[:, 0] > 0).long())


class Tagger(nn.Module):
    """Reads sequences in both directions, the time steps first."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(4, 16, bidirectional=True), nn.Linear(32, 3)

    def forward(self, x: Any) -> Any:
        return self.head(self.gru(x)[0])


def tags(model: Any) -> Any:
    x = torch.randn(12, 32, 4)
    return functional.cross_entropy(model(x).flatten(0, 1), x[..., :3].argmax(-1).flatten())


def segmentation() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))


@pytest.mark.parametrize(
    ("build", "step"), [(Language, next_token), (Variational, evidence), (segmentation, pixels), (Tagger, tags)]
)
def test_a_healthy_model_gives_no_finding(build: Callable[[], Any], step: Callable[[Any], Any], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    with paramedic.init("sources", id="run", mode="offline", spool_dir=tmp_path) as run:
        watch = run.watch(model, optimizer)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = step(model)
            loss.backward()
            optimizer.step()
            watch.log(loss=loss)
    live = folded(tmp_path)
    assert not live.diagnosis.findings, told(live)
