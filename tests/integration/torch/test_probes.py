"""What probes measure is what a plain computation on the same step measures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

import paramedic
from support.probed import layer_signal, paths, zero_shares
from support.spooled import Told

SAMPLES = 32
"""As many as a probe takes, so that it takes all of them."""


@pytest.fixture(autouse=True)
def _alone() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(3)


def trained(model: Any, loss: Callable[[], Any], directory: Path, steps: int = 1, watched: Any = None) -> Told:
    """Trains at a learning rate of zero: the model stays what it can be compared with."""
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    with paramedic.init("torch", id="run", mode="offline", spool_dir=directory) as run:
        watch = run.watch(model if watched is None else watched, optimizer)
        for _ in range(steps):
            optimizer.zero_grad()
            current = loss()
            current.backward()
            optimizer.step()
            watch.log(loss=current)
        watch.remove()
    assert run.dropped == {}
    return Told(*directory.glob("*/*"))


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.drop, self.out = nn.Linear(5, 8), nn.Dropout(0.5), nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        return torch.tanh(self.out(self.drop(functional.relu_(self.hidden(x)))))


def test_activations_are_those_of_each_layer_with_the_function_behind_it(tmp_path: Path) -> None:
    model, x, y = Functional(), torch.randn(SAMPLES, 5), torch.randn(SAMPLES, 2)
    nn.init.constant_(model.out.weight, 2.0)
    outputs: list[Any] = []

    def loss() -> Any:
        outputs.append(model(x))
        return functional.mse_loss(outputs[-1], y)

    told = trained(model, loss, tmp_path)
    for name, values in (("hidden", torch.relu(model.hidden(x))), ("out", outputs[0])):
        known = values.detach().numpy()
        assert layer_signal(told, "activation_mean")[1][name] == pytest.approx(known.mean(), rel=1e-4)
        assert layer_signal(told, "activation_deviation")[1][name] == pytest.approx(known.std(), rel=1e-4)
        assert layer_signal(told, "sample_deviation")[1][name] == pytest.approx(known.std(0).mean(), rel=1e-4)
    saturated = layer_signal(told, "saturated_share")[1]
    assert list(saturated) == ["hidden", "out"]
    assert np.isnan(saturated["hidden"])
    assert saturated["out"] == pytest.approx(np.mean(np.abs(known) >= 0.95))
    assert saturated["out"] > 0


def test_units_and_channels_are_dead_where_95_of_100_values_are_zero(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 1)
    )
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([-100.0, 100.0, 100.0, 100.0]))
        model[3].weight.fill_(0.01)
        model[3].bias.copy_(torch.tensor([-1e6, -1e6, 1.0, 1.0, 1.0]))
    x = torch.randn(SAMPLES, 1, 2, 2)
    told = trained(model, lambda: model(x).square().mean(), tmp_path)
    dead = layer_signal(told, "dead_share")[1]
    assert dead == pytest.approx({"0": 0.25, "3": 0.4, "5": 0.0})
    zeros = zero_shares(told)[1]
    assert zeros["0.weight"] == pytest.approx(0.25)
    assert zeros["3.weight"] == pytest.approx(1 - 3 / 5 * 3 / 4)
    assert zeros["5.bias"] == 0


def test_rows_of_an_embedding_that_nobody_reads_have_no_gradient_sparse_or_not(tmp_path: Path) -> None:
    for sparse in (False, True):
        model = nn.Sequential(nn.Embedding(10, 4, sparse=sparse), nn.Flatten(), nn.Linear(8, 1))
        tokens = torch.tensor([[1, 2], [2, 3]])
        told = trained(model, lambda model=model: model(tokens).square().mean(), tmp_path / str(sparse))  # noqa: B023
        assert zero_shares(told)[1]["0.weight"] == pytest.approx(0.7)


class Loop(nn.Module):
    """What a recurrent module does, a cell at a time, with a zero to differentiate by at every step."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        self.zeros: dict[str, list[Any]] = {}

    def forward(self, x: Any, lengths: Any = None) -> Any:
        sides = ("", "_reverse") if self.module.bidirectional else ("",)
        for level in range(self.module.num_layers):
            x = torch.cat([self._side(x, level, side, lengths) for side in sides], -1)
        return x

    def _side(self, x: Any, level: int, side: str, lengths: Any) -> Any:
        module, suffix = self.module, f"_l{level}{side}"
        weights = [
            getattr(module, f"{name}{suffix}").detach() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        state = (torch.zeros(x.shape[1], module.hidden_size),) * (2 if isinstance(module, nn.LSTM) else 1)
        outputs = {}
        zeros = self.zeros[suffix] = []
        for time in range(x.shape[0])[:: -1 if side else 1]:
            if isinstance(module, nn.LSTM):
                new = torch.lstm_cell(x[time], state, *weights)
            else:
                cell = torch.gru_cell if isinstance(module, nn.GRU) else torch.rnn_tanh_cell
                new = (cell(x[time], state[0], *weights),)
            if lengths is not None:
                new = tuple(torch.where((lengths > time)[:, None], a, b) for a, b in zip(new, state, strict=True))
            zeros.append(torch.zeros_like(new[0], requires_grad=True))
            state = (new[0] + zeros[-1], *new[1:])
            outputs[time] = state[0] if lengths is None else state[0] * (lengths > time)[:, None]
        return torch.stack([outputs[time] for time in range(x.shape[0])])

    def norms(self) -> dict[str, np.ndarray]:
        return {
            suffix: np.array([zero.grad.norm() for zero in zeros], np.float32) for suffix, zeros in self.zeros.items()
        }


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_the_path_through_a_recurrent_module_is_that_of_a_loop_over_its_steps(
    kind: Any, packed: bool, tmp_path: Path
) -> None:
    module = kind(3, 4, num_layers=2, bidirectional=True)
    x, weights = torch.randn(7, SAMPLES, 3), torch.randn(8)
    lengths = torch.arange(SAMPLES) % 7 + 1 if packed else None

    def loss() -> Any:
        if lengths is None:
            return (module(x)[0] * weights).sin().sum()
        output = module(pack_padded_sequence(x, lengths, enforce_sorted=False))[0]
        return (output.data * weights).sin().sum()

    told = trained(module, loss, tmp_path)
    loop = Loop(module)
    (loop(x, lengths) * weights).sin().sum().backward()
    name = told.description.model.layers[0].name.removesuffix(".l0")
    names = {"_l0": "l0/forward", "_l0_reverse": "l0/backward", "_l1": "l1/forward", "_l1_reverse": "l1/backward"}
    expected = {f"{name}.{names[suffix]}": norms for suffix, norms in loop.norms().items()}
    found = {layer: by_step[1] for layer, by_step in paths(told).items()}
    assert set(found) == set(expected)
    for layer, norms in expected.items():
        assert found[layer] == pytest.approx(norms, rel=1e-3, abs=1e-5)


class Cells(nn.Module):
    """A loop over an RNNCell, or the module that is one."""

    def __init__(self, module: Any, *, by_cell: bool) -> None:
        super().__init__()
        self.rnn, self.head = module, nn.Linear(4, 1)
        if by_cell:
            self.rnn = nn.RNNCell(3, 4)
            self.rnn.load_state_dict({name.removesuffix("_l0"): each for name, each in module.state_dict().items()})

    def forward(self, x: Any) -> Any:
        if isinstance(self.rnn, nn.RNN):
            return self.head(self.rnn(x)[0][:, -1])
        state = torch.zeros(len(x), 4)
        for time in range(x.shape[1]):
            state = self.rnn(x[:, time], state)
        return self.head(state)


def test_a_cell_that_the_loop_calls_has_the_path_of_the_module_that_does_the_same(tmp_path: Path) -> None:
    module, x = nn.RNN(3, 4, batch_first=True), torch.randn(SAMPLES, 9, 3)
    found = {}
    for by_cell in (False, True):
        torch.manual_seed(0)
        model = Cells(module, by_cell=by_cell)
        told = trained(model, lambda model=model: model(x).square().mean(), tmp_path / str(by_cell))
        ((name, by_step),) = paths(told).items()
        assert name == "rnn"
        found[by_cell] = by_step[1]
    assert found[True] == pytest.approx(found[False], rel=1e-4)
    assert len(found[True]) == 9


def test_probes_run_at_first_often_and_then_every_hundred_steps_and_take_their_hooks_off(tmp_path: Path) -> None:
    model, x = Functional(), torch.randn(4, 5)
    hooked: list[int] = []

    def loss() -> Any:
        hooked.append(sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()))
        return model(x).square().mean()

    told = trained(model, loss, tmp_path, steps=102)
    assert [step for step, hooks in enumerate(hooked, 1) if hooks] == [1, 5, 20, 50, 100]
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
    assert list(layer_signal(told, "dead_share")) == [1, 5, 20, 50, 100]
    assert not [module for module in model.modules() if module._forward_hooks or module._forward_pre_hooks]


def test_a_model_that_runs_compiled_is_not_compiled_again_for_us_and_its_gradients_are_probed(tmp_path: Path) -> None:
    compiled = []

    def backend(graph: Any, _: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    model, x = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 1)), torch.randn(SAMPLES, 5)
    running = torch.compile(model, backend=backend, fullgraph=True)
    told = trained(model, lambda: running(x).square().mean(), tmp_path, steps=21)
    assert len(compiled) == 1
    assert list(zero_shares(told)) == [1, 5, 20]
    assert layer_signal(told, "dead_share") == {}


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_what_cannot_be_followed_is_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shared, self.projected = nn.GRU(3, 3), nn.LSTM(3, 4, proj_size=2)

        def forward(self, x: Any) -> Any:
            return self.projected(self.shared(self.shared(x)[0])[0])[0]

    model, x = Twice(), torch.randn(6, SAMPLES, 3)
    told = trained(model, lambda: model(x).square().mean(), tmp_path)
    assert paths(told) == {}
    assert set(layer_signal(told, "activation_mean")[1]) == {"shared", "projected"}
