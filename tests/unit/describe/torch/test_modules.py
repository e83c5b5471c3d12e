"""What modules and their parameters are in neutral terms, before anything was run."""

from typing import Any

import pytest
from torch import nn

from paramedic.describe.torch import layers_of, model_config, tensor_table
from paramedic.v1.description_pb2 import ModelConfig, TensorRole


def configured(model: Any) -> ModelConfig:
    return model_config(model, layers_of(model, None))


@pytest.mark.parametrize(
    ("module", "kind", "units", "settings"),
    [
        (nn.Linear(4, 3, bias=False), "Dense", 3, {"use_bias": False}),
        (nn.Conv2d(3, 8, 3, stride=2), "Conv2D", 8, {"kernel_size": [3, 3], "strides": [2, 2], "padding": "valid"}),
        (nn.Conv1d(3, 8, 5, padding=2), "Conv1D", 8, {"padding": "same"}),
        (nn.ConvTranspose2d(3, 8, 3), "Conv2DTranspose", 8, {}),
        (nn.Embedding(10, 4), "Embedding", None, {"input_dim": 10, "output_dim": 4}),
        (nn.BatchNorm2d(4, momentum=0.25), "BatchNormalization", None, {"momentum": 0.75}),
        (nn.LayerNorm(4, eps=0.5), "LayerNormalization", None, {"epsilon": 0.5}),
        (nn.GroupNorm(2, 4), "GroupNormalization", None, {"groups": 2}),
        (nn.Dropout(0.25), "Dropout", None, {"rate": 0.25}),
        (nn.Dropout2d(0.25), "SpatialDropout2D", None, {"rate": 0.25}),
        (nn.MaxPool2d(2), "MaxPooling2D", None, {"pool_size": 2, "strides": 2}),
        (nn.AdaptiveAvgPool2d(1), "GlobalAveragePooling2D", None, {}),
        (nn.MultiheadAttention(4, 2), "MultiHeadAttention", None, {"num_heads": 2}),
        (nn.Bilinear(2, 2, 2), "Bilinear", None, {}),
    ],
)
def test_a_module_has_the_name_and_the_settings_that_keras_gives_it(
    module: Any, kind: str, units: int | None, settings: dict[str, Any]
) -> None:
    (layer,) = configured(nn.Sequential(module)).layers
    assert layer.kind == kind
    assert (layer.units if layer.HasField("units") else None) == units
    assert {name: dict(layer.settings)[name] for name in settings} == settings


def test_an_activation_behind_a_layer_with_weights_is_the_layers_own() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2), nn.Softmax(-1))
    found = [(layer.name, layer.kind, layer.activation) for layer in configured(model).layers]
    assert found == [
        ("0", "Dense", "sigmoid"),
        ("2", "BatchNormalization", ""),
        ("3", "Activation", "tanh"),
        ("4", "Dense", "softmax"),
    ]


def test_a_recurrent_module_is_one_layer_for_each_that_it_stacks() -> None:
    model = nn.Sequential(nn.LSTM(3, 5, num_layers=2, bidirectional=True))
    layers = configured(model).layers
    assert [(layer.name, layer.kind, layer.units) for layer in layers] == [
        ("0.l0", "Bidirectional", 10),
        ("0.l1", "Bidirectional", 10),
    ]
    assert layers[0].settings["layer"]["class_name"] == "LSTM"
    second = [weight for name, weight in model.named_parameters() if "bias_hh" in name]  # added to the first
    elements = sum(weight.numel() for weight in model.parameters()) - sum(weight.numel() for weight in second)
    assert sum(layer.parameters for layer in layers) == elements


def test_a_plain_recurrence_tells_its_activation() -> None:
    layers = configured(nn.Sequential(nn.RNN(3, 5, nonlinearity="relu"))).layers
    assert [(layer.kind, layer.activation) for layer in layers] == [("SimpleRNN", "relu")]


def test_a_model_with_a_forward_pass_of_its_own_says_so_and_tells_no_connections() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.early = nn.Linear(8, 2), nn.Linear(4, 8)

    config = configured(Own())
    assert config.opaque
    assert all(layer.input_shape and not layer.output_shape for layer in config.layers)


def test_parameters_have_roles_and_layers_and_frozen_ones_are_counted_apart() -> None:
    model = nn.Sequential(nn.Embedding(7, 4), nn.GRU(4, 5), nn.LayerNorm(5), nn.Linear(5, 2))
    model[0].weight.requires_grad_(False)
    config = configured(model)
    assert config.frozen_parameters == 28
    assert config.layers[0].parameters == 28
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    ordered, table = tensor_table(model, trained[::-1], layers_of(model, None).entries)
    assert [tensor.name for tensor in table] == [name for name, each in model.named_parameters() if each.requires_grad]
    assert all(one is other for one, other in zip(ordered, trained, strict=True))
    assert [(tensor.layer, TensorRole.Name(tensor.role)[12:]) for tensor in table] == [
        ("1", "KERNEL"),
        ("1", "RECURRENT_KERNEL"),
        ("1", "BIAS"),
        ("1", "BIAS"),
        ("2", "SCALE"),
        ("2", "OFFSET"),
        ("3", "KERNEL"),
        ("3", "BIAS"),
    ]


def test_parameters_that_the_model_does_not_have_come_last() -> None:
    model, other = nn.Linear(2, 2), nn.Parameter(nn.Linear(3, 1).weight.detach())
    ordered, table = tensor_table(model, [other, *model.parameters()], layers_of(model, None).entries)
    assert ordered[-1] is other
    assert (table[-1].layer, table[-1].element_count) == ("", 3)
    assert len({tensor.name for tensor in table}) == 3
