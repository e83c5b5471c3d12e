"""What the first step tells of a model: its graph, its loss, its data; and that nothing of the looking is left."""

import copy
import gc
import pickle
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import paramedic
from paramedic.integrations.torch.observer import Observer
from paramedic.v1.description_pb2 import LABEL_ENCODING_INTEGER, RunDescription, TensorRole
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.plan import Limits, plan
from support.spooled import Told
from support.torch_first_step import described_step, told

SPARSE = "sparse_categorical_crossentropy"
LABELS = torch.arange(12) % 3


@pytest.fixture(autouse=True)
def _alone() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(3)


class Convolutional(nn.Module):
    """The network of torch's first tutorial, with a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6 * 2 * 2, 3)  # made before what it reads
        self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3)
        self.norm, self.pool, self.drop = nn.BatchNorm2d(6), nn.MaxPool2d(2), nn.Dropout(0.5)

    def forward(self, x: Any) -> Any:
        x = self.pool(functional.relu(self.first(x)))
        x = self.pool(functional.relu(self.norm(self.second(x)), inplace=True))
        x = self.drop(torch.flatten(x, 1))
        return self.head(x + torch.tanh(self.drop(x)))


class Sequences(nn.Module):
    """Reads tokens, the time steps first."""

    def __init__(self, tokens: int, outputs: int) -> None:
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(tokens, 5), nn.LSTM(5, 7, num_layers=2)
        self.head = nn.Linear(7, outputs)

    def forward(self, tokens: Any, last: bool = True) -> Any:
        output, (state, _) = self.lstm(self.embedding(tokens))
        return self.head(state[-1] if last else output.transpose(0, 1))


def entropy(logits: Any) -> Any:
    return functional.cross_entropy(logits, LABELS[: len(logits)])


def losses(description: RunDescription) -> list[tuple[str, bool]]:
    return [(loss.name, loss.from_logits) for loss in description.losses]


def test_functions_between_modules_are_seen_and_layers_stand_in_the_order_of_their_calls() -> None:
    description = described_step(Convolutional(), lambda model: entropy(model(torch.randn(12, 1, 14, 14))))
    layers = description.model.layers
    assert [told(layer) for layer in layers] == [
        ("first", "Conv2D", "relu"),
        ("pool", "MaxPooling2D", ""),
        ("second", "Conv2D", "linear"),
        ("norm", "BatchNormalization", ""),
        ("relu", "Activation", "relu"),
        ("pool#2", "MaxPooling2D", ""),
        ("drop", "Dropout", ""),
        ("drop#2", "Dropout", ""),
        ("tanh", "Activation", "tanh"),
        ("add", "Add", ""),
        ("head", "Dense", "linear"),
    ]
    assert list(layers[9].inputs) == ["drop", "tanh"]
    assert [list(layers[0].input_shape), list(layers[0].output_shape)] == [[-1, 14, 14, 1], [-1, 12, 12, 4]]
    assert list(layers[10].output_shape) == [-1, 3]
    assert [tensor.layer for tensor in description.tensors] == [
        *("first", "first", "second", "second", "norm", "norm", "head", "head")
    ]
    assert losses(description) == [(SPARSE, True)]
    assert list(description.data.inputs[0].shape) == [-1, 14, 14, 1]
    assert description.training.batch_size == 12


def test_sequences_are_described_with_their_samples_first() -> None:
    description = described_step(Sequences(20, 3), lambda model: entropy(model(torch.randint(0, 20, (9, 12)))))
    layers = description.model.layers
    assert [(layer.name, layer.kind) for layer in layers] == [
        *(("embedding", "Embedding"), ("lstm.l0", "LSTM"), ("lstm.l1", "LSTM"), ("head", "Dense"))
    ]
    assert [list(layer.output_shape) for layer in layers] == [[-1, 9, 5], [-1, 9, 7], [-1, 7], [-1, 3]]
    assert [layer.settings["return_sequences"] for layer in layers[1:3]] == [True, False]
    assert list(description.data.inputs[0].shape) == [-1, 9]
    assert description.training.batch_size == 12


def test_labels_of_every_time_step_keep_their_steps_and_ignored_ones_are_no_class() -> None:
    labels = torch.randint(0, 20, (12, 9))
    labels[:, -2:] = -100
    description = described_step(
        Sequences(20, 20),
        lambda model: functional.cross_entropy(
            model(torch.randint(0, 20, (9, 12)), last=False).reshape(-1, 20), labels.reshape(-1)
        ),
    )
    (target,) = description.data.targets
    assert list(target.shape) == [-1, 9]
    assert target.lowest >= 0
    assert target.encoding == LABEL_ENCODING_INTEGER
    assert sum(target.class_counts) == 12 * 7
    assert list(description.model.layers[-1].output_shape) == [-1, 9, 20]


def test_labels_of_every_pixel_are_class_indices_however_few_they_are() -> None:
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    labels = (torch.arange(6 * 4 * 5) % 2).reshape(6, 4, 5)
    description = described_step(model, lambda model: functional.cross_entropy(model(torch.randn(6, 1, 4, 5)), labels))
    (target,) = description.data.targets
    assert list(target.shape) == [-1, 4, 5]
    assert list(target.class_counts) == [60, 60]
    assert [list(layer.output_shape) for layer in description.model.layers] == [[-1, 4, 5, 8], [-1, 4, 5, 2]]


def test_queries_and_keys_are_no_kernels_between_layers() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.key, self.value, self.out = (nn.Linear(4, 4, bias=False) for _ in range(4))

        def forward(self, x: Any) -> Any:
            scores = self.query(x) / 2 @ self.key(x).transpose(1, 2)
            return self.out(torch.softmax(scores, -1) @ self.value(x)).mean(1)

    description = described_step(
        Attention(), lambda model: functional.mse_loss(model(torch.randn(12, 3, 4)), torch.zeros(12, 4))
    )
    roles = {tensor.layer: tensor.role for tensor in description.tensors}
    assert roles == {
        "query": TensorRole.TENSOR_ROLE_UNSPECIFIED,
        "key": TensorRole.TENSOR_ROLE_UNSPECIFIED,
        "value": TensorRole.TENSOR_ROLE_UNSPECIFIED,
        "out": TensorRole.TENSOR_ROLE_KERNEL,
    }


def test_a_softmax_outside_of_the_model_is_the_output_layers() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    description = described_step(model, lambda model: entropy(torch.softmax(model(torch.randn(12, 4)), -1)))
    assert [told(layer) for layer in description.model.layers] == [("0", "Dense", "relu"), ("2", "Dense", "softmax")]
    assert losses(description) == [(SPARSE, True)]


@pytest.mark.parametrize("end", [nn.LogSoftmax(-1), nn.Identity()])
def test_nll_loss_reads_logits_only_behind_a_log_softmax(end: Any) -> None:
    model = nn.Sequential(nn.Linear(4, 3), end)
    description = described_step(model, lambda model: functional.nll_loss(model(torch.randn(12, 4)), LABELS))
    assert losses(description) == [(SPARSE, isinstance(end, nn.LogSoftmax))]


def test_several_inputs_and_outputs_have_names() -> None:
    class Several(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(4, 8), nn.Linear(3, 8)
            self.classes, self.number = nn.Linear(16, 3), nn.Linear(16, 1)
            self.activation, self.unused = nn.ReLU(), nn.Linear(2, 2)

        def forward(self, one: Any, other: Any) -> Any:
            both = torch.cat([self.activation(self.one(one)), self.activation(self.other(other))], 1)
            return self.classes(both), self.number(both)

    def step(model: Any) -> Any:
        classes, number = model(torch.randn(12, 4), other=torch.randn(12, 3))
        return entropy(classes) + 0.5 * functional.mse_loss(number, torch.randn(12, 1))

    description = described_step(Several(), step)
    inputs = {layer.name: list(layer.inputs) for layer in description.model.layers}
    assert inputs == {
        "input": [],
        "one": [],
        "other": ["input"],
        "concatenate": ["one", "other"],
        "classes": [],
        "number": ["concatenate"],
    }
    assert [(loss.output, loss.name) for loss in description.losses] == [
        ("classes", SPARSE),
        ("number", "mean_squared_error"),
    ]
    assert [each.name for each in description.data.inputs] == ["0", "other"]
    assert description.tensors[-1].layer == "unused"


def test_a_loss_within_the_model_is_seen_and_its_labels_are_no_input() -> None:
    class WithLoss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.criterion = nn.Linear(4, 3), nn.CrossEntropyLoss()

        def forward(self, x: Any, labels: Any = None) -> Any:
            return {"loss": self.criterion(self.layer(x), labels)}

    description = described_step(WithLoss(), lambda model: model(torch.randn(12, 4), labels=LABELS)["loss"])
    assert [layer.name for layer in description.model.layers] == ["layer"]
    assert losses(description) == [(SPARSE, True)]
    assert len(description.data.inputs) == len(description.data.targets) == 1


def test_frozen_layers_in_front_are_connected() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    model[:4].requires_grad_(False)
    layers = described_step(model, lambda model: entropy(model(torch.randn(12, 4)))).model.layers
    assert [(layer.activation, layer.frozen) for layer in layers] == [("relu", True), ("tanh", True), ("linear", False)]


@pytest.mark.parametrize("known", ["compiled", "plain"])
def test_a_model_that_runs_compiled_tells_its_loss_and_targets(known: str) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    compiled = torch.compile(model, backend="aot_eager")
    described = compiled if known == "compiled" else model
    description = described_step(described, lambda model: entropy(model(torch.randn(12, 4))), compiled)
    assert len(description.data.inputs) == (known == "compiled")
    assert losses(description) == [(SPARSE, True)]
    assert list(description.data.targets[0].class_counts) == [4, 4, 4]
    assert [layer.activation for layer in description.model.layers] == ["relu", "linear"]


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_a_chain_of_known_layers_can_be_reproduced(kind: Any) -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent, self.hidden, self.head = kind(2, 6, batch_first=True), nn.Linear(6, 5), nn.Linear(5, 3)

        def forward(self, x: Any) -> Any:
            return self.head(torch.relu(self.hidden(self.recurrent(x)[0][:, -1])))

    description = described_step(Last(), lambda model: entropy(model(torch.randn(12, 7, 2))))
    assert not description.model.opaque
    planned = plan(ReproductionSpec(description=description), Limits()).arms[0].model.layers
    keras = {nn.RNN: "SimpleRNN", nn.LSTM: "LSTM", nn.GRU: "GRU"}[kind]
    assert [layer.kind for layer in planned] == ["InputLayer", keras, "Dense", "Dense"]


def test_a_chain_of_convolutions_can_be_reproduced_with_its_channels_last() -> None:
    model = nn.Sequential(
        *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5), nn.Flatten()),
        nn.Linear(36, 3),
    )
    description = described_step(model, lambda model: entropy(model(torch.randn(12, 1, 8, 8))))
    planned = plan(ReproductionSpec(description=description), Limits()).arms[0].model.layers
    assert [layer.kind for layer in planned][1:4] == ["Conv2D", "BatchNormalization", "ReLU"]


def test_a_forward_pass_with_more_than_layers_is_code_that_nobody_runs() -> None:
    assert described_step(Convolutional(), lambda model: entropy(model(torch.randn(12, 1, 14, 14)))).model.opaque


def test_nothing_is_left_after_the_first_step() -> None:
    backward = torch.Tensor.backward
    model = Convolutional()
    observer = Observer(model)
    logits = model(torch.randn(12, 1, 14, 14))
    loss = entropy(logits)
    loss.backward()
    assert not [module for module in model.modules() if module._forward_hooks or module._forward_pre_hooks]
    assert torch.Tensor.backward is backward
    graph = weakref.ref(logits)
    del logits, loss
    gc.collect()
    assert graph() is None
    assert observer.seen.losses


def test_a_first_step_that_fails_is_looked_at_again() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    observer = Observer(model)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        model(torch.randn(12, 5))
    entropy(model(torch.randn(12, 4))).backward()
    assert observer.seen.forward is not None
    assert len(observer.seen.forward.calls) == 1
    observer.remove()


def test_a_forward_pass_that_only_tried_the_model_is_none_of_the_training() -> None:
    def step(model: Any) -> Any:
        model(torch.zeros(1, 4))
        logits = model(torch.randn(12, 4))
        model(torch.ones(2, 4))
        return entropy(logits)

    description = described_step(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), step)
    assert losses(description) == [(SPARSE, True)]
    assert list(description.data.targets[0].class_counts) == [4, 4, 4]


def test_a_copy_and_a_pickle_of_a_watched_model_are_models_like_any_other() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    observer = Observer(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        entropy(other(torch.randn(12, 4))).backward()
        assert not observer.entered
    entropy(model(torch.randn(12, 4))).backward()
    assert observer.entered


def test_another_models_loss_is_not_this_ones() -> None:
    backward = torch.Tensor.backward
    model, other = nn.Linear(4, 3), nn.Linear(4, 3)
    observer, of_other = Observer(model), Observer(other)
    functional.mse_loss(other(torch.randn(12, 4)), torch.zeros(12, 3)).backward()
    assert not observer.seen.losses
    entropy(model(torch.randn(12, 4))).backward()
    assert [loss.name for loss in observer.seen.losses] == [SPARSE]
    assert [loss.name for loss in of_other.seen.losses] == ["mean_squared_error"]
    assert torch.Tensor.backward is backward


def test_a_watched_loop_says_all_this(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    with paramedic.init("torch", id="run", mode="offline", spool_dir=tmp_path) as run:
        watch = run.watch(model, optimizer)
        for _ in range(3):
            loss = entropy(model(torch.randn(12, 4)))
            loss.backward()
            optimizer.step()
            watch.log(loss=loss.item())
    description = Told(*tmp_path.glob("*/*")).description
    assert (description.optimizer.name, description.environment.framework) == ("adam", "torch")
    assert losses(description) == [(SPARSE, True)]
    assert list(description.data.targets[0].class_counts) == [4, 4, 4]
