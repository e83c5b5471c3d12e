"""The same faults as in every other framework, written as people write torch: each gives its own cause first."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import paramedic
from support.common_faults import TRIALS, Trial, batches, parameters
from support.folding import alarms, folded, told

_ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
_LOSSES = {"cross_entropy": nn.CrossEntropyLoss, "binary_cross_entropy": nn.BCEWithLogitsLoss, "mse": nn.MSELoss}
_OPTIMIZERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class Functions(nn.Module):
    """Dense layers with functions between them."""

    def __init__(self, trial: Trial, inputs: int) -> None:
        super().__init__()
        widths = [inputs, *trial.hidden, trial.outputs]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        self.trial = trial

    def forward(self, x: Any) -> Any:
        for layer in self.layers[:-1]:
            x = getattr(torch, self.trial.activation)(layer(x))
        x = self.layers[-1](x)
        return functional.softmax(x, -1) if self.trial.output == "softmax" else x


class Recurrence(nn.Module):
    """A recurrent layer, of which the last output is read."""

    def __init__(self, trial: Trial, inputs: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(inputs, *trial.hidden, batch_first=True)
        self.head = nn.Linear(*trial.hidden, trial.outputs)

    def forward(self, x: Any) -> Any:
        output, _ = self.rnn(x)
        return self.head(output[:, -1])


def modules(trial: Trial, inputs: int) -> nn.Sequential:
    """Dense layers with modules between them."""
    layers: list[Any] = []
    for units in trial.hidden:
        layers += [nn.Linear(inputs, units), _ACTIVATIONS[trial.activation]()]
        inputs = units
    softmax = [nn.Softmax(-1)] if trial.output == "softmax" else []
    return nn.Sequential(*layers, nn.Linear(inputs, trial.outputs), *softmax)


def with_parameters(model: nn.Module, trial: Trial, seed: int) -> nn.Module:
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.RNN)]
    with torch.no_grad():
        for layer, initial in zip(layers, parameters(trial, seed), strict=True):
            if isinstance(layer, nn.Linear):
                weights = {"kernel": layer.weight, "bias": layer.bias}
            else:
                layer.bias_hh_l0.zero_()
                weights = {
                    "kernel": layer.weight_ih_l0,
                    "recurrent_kernel": layer.weight_hh_l0,
                    "bias": layer.bias_ih_l0,
                }
            for name, weight in weights.items():
                weight.copy_(torch.from_numpy(initial[name].T))
    return model


def train(trial: Trial, build: Any, directory: Path, seed: int = 0) -> None:
    data = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches(trial, seed)]
    model = with_parameters(build(trial, data[0][0].shape[-1]), trial, seed)
    criterion, optimizer = _LOSSES[trial.loss](), _OPTIMIZERS[trial.optimizer](model.parameters(), trial.rate)
    with paramedic.init("sources", id="run", mode="offline", spool_dir=directory) as run:
        watch = run.watch(model, optimizer)
        for _ in range(trial.epochs):
            for x, y in data:
                if trial.loss == "binary_cross_entropy":
                    y = y[:, None].float()
                optimizer.zero_grad()
                loss = criterion(model(x), y)
                loss.backward()
                optimizer.step()
                watch.log(loss=loss)
            watch.epoch_ended()
    assert run.dropped == {}


# As functions, those in which one is part of the fault, and a twin.
BUILDS = [
    *((name, Recurrence if trial.kind == "rnn" else modules) for name, trial in TRIALS.items()),
    *((name, Functions) for name in ("vanishing", "dead units", "softmax twice", "healthy deep layers")),
]


@pytest.mark.parametrize(("name", "build"), BUILDS, ids=[f"{name}, {build.__name__}" for name, build in BUILDS])
def test_a_fault_gives_its_cause_first_and_a_healthy_twin_no_alarm(name: str, build: Any, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    trial = TRIALS[name]
    train(trial, build, tmp_path)
    live = folded(tmp_path)
    first = [incident.causes[0].id for incident in alarms(live)[:1]]
    assert all(cause in trial.causes for cause in first), told(live)
    assert bool(first) == bool(trial.causes), told(live)


def fail(model: nn.Module, criterion: Any, x: Any, y: Any, directory: Path, **options: Any) -> None:
    with paramedic.init("sources", id="run", mode="offline", spool_dir=directory) as run:
        run.watch(model, torch.optim.Adam(model.parameters()), **options)
        criterion(model(x), y)


def test_a_loss_that_refuses_the_labels_of_three_classes_leads_to_the_same_cause(tmp_path: Path) -> None:
    trial = TRIALS["one sigmoid unit for three classes"]
    (x, y), *_ = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches(trial, 0)]
    model, criterion = nn.Sequential(modules(trial, x.shape[-1]), nn.Sigmoid()), nn.BCELoss()
    with pytest.raises(RuntimeError, match="target should be between 0 and 1"):
        fail(model, criterion, x, y[:, None].float(), tmp_path, loss=criterion)
    live = folded(tmp_path)
    assert alarms(live)[0].causes[0].id in trial.causes, told(live)


def test_a_loss_that_refuses_logits_says_that_the_output_layer_is_wrong(tmp_path: Path) -> None:
    model = nn.Linear(4, 1)
    nn.init.constant_(model.bias, 100.0)
    with pytest.raises(RuntimeError, match="input should be between 0 and 1"):
        fail(model, functional.binary_cross_entropy, torch.ones(8, 4), torch.ones(8, 1), tmp_path)
    live = folded(tmp_path)
    assert alarms(live)[0].causes[0].id == "wrong_output_layer", told(live)
