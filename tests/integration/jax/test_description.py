"""What is recognised in a traced loss function, and what is left out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from paramedic.describe.jax.optimizers import OptaxConfig
from paramedic.integrations.jax.description import Described
from paramedic.v1.description_pb2 import LABEL_ENCODING_INTEGER, RunDescription, TensorRole

BATCH = 40


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def layer(inputs: int, units: int) -> dict[str, Any]:
    return {"kernel": jnp.asarray(normal(inputs, units)), "bias": jnp.zeros(units)}


def dense(params: Any, x: Any) -> Any:
    return x @ params["kernel"] + params["bias"]


def described(loss_fn: Callable[..., Any], params: Any, *arguments: Any, loss: str | None = None) -> RunDescription:
    return Described(loss_fn, params, arguments, None, loss).description


def layers(description: RunDescription) -> list[tuple[str, str, str, list[str]]]:
    return [(each.name, each.kind, each.activation, list(each.inputs)) for each in description.model.layers]


def test_convolutions_pooling_dropout_and_dense_layers() -> None:
    params = {
        "conv": {"kernel": jnp.asarray(normal(3, 3, 1, 4)), "bias": jnp.zeros(4)},
        "hidden": layer(36, 8),
        "output": layer(8, 3),
    }

    def loss_fn(params: Any, batch: Any, key: Any) -> Any:
        numbers = ("NHWC", "HWIO", "NHWC")
        kernel = params["conv"]["kernel"]
        x = jax.lax.conv_general_dilated(batch["image"], kernel, (1, 1), "VALID", dimension_numbers=numbers)
        x = jax.nn.relu(x + params["conv"]["bias"])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = jax.nn.gelu(dense(params["hidden"], x.reshape(len(x), -1)))
        x = jnp.where(jax.random.bernoulli(key, 0.8, x.shape), x / 0.8, 0)
        logits = dense(params["output"], x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean(), logits

    batch = {"image": normal(BATCH, 8, 8, 1), "label": np.arange(BATCH) % 3}
    told = described(loss_fn, params, batch, jax.random.key(0))
    assert layers(told) == [
        ("conv", "Conv2D", "relu", []),
        ("lambda", "Lambda", "", ["conv"]),
        ("hidden", "Dense", "gelu", []),
        ("dropout", "Dropout", "", ["hidden"]),
        ("output", "Dense", "linear", []),
    ]
    assert list(told.model.layers[0].output_shape) == [-1, 6, 6, 4]
    assert [tensor.name for tensor in told.tensors] == [
        f"{name}/{leaf}" for name in ("conv", "hidden", "output") for leaf in ("kernel", "bias")
    ]
    assert (told.losses[0].name, told.losses[0].from_logits) == ("sparse_categorical_crossentropy", True)
    assert [list(array.shape) for array in told.data.inputs] == [[-1, 8, 8, 1]]
    assert told.data.targets[0].encoding == LABEL_ENCODING_INTEGER
    assert told.training.batch_size == BATCH
    assert told.model.opaque  # the pooling was not recognised


def test_embeddings_normalisation_shortcuts_and_tensors_without_a_layer() -> None:
    params = {
        "params": {
            "embed": {"embedding": jnp.asarray(normal(20, 8))},
            "norm": {"scale": jnp.ones(8), "bias": jnp.zeros(8)},
            "mix": layer(8, 8),
            "output": layer(8, 1),
            "temperature": jnp.ones(()),
        }
    }

    def loss_fn(params: Any, words: Any, y: Any) -> Any:
        params = params["params"]
        x = params["embed"]["embedding"][words]
        centred = x - x.mean(-1, keepdims=True)
        normal = centred * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-6)
        x = x + jnp.tanh(dense(params["mix"], normal * params["norm"]["scale"] + params["norm"]["bias"]))
        logits = dense(params["output"], x[:, -1])[:, 0]
        return optax.sigmoid_binary_cross_entropy(logits * params["temperature"], y).sum()

    told = described(loss_fn, params, np.arange(BATCH * 5).reshape(BATCH, 5) % 20, np.arange(BATCH) % 2.0)
    assert layers(told) == [
        ("embed", "Embedding", "", []),
        ("norm", "LayerNormalization", "linear", []),
        ("mix", "Dense", "tanh", []),
        ("add", "Add", "", ["embed", "mix"]),
        ("output", "Dense", "linear", []),
    ]
    roles = {tensor.name: tensor.role for tensor in told.tensors}
    assert roles["embed/embedding"] == TensorRole.TENSOR_ROLE_EMBEDDING
    assert roles["norm/scale"] == TensorRole.TENSOR_ROLE_SCALE
    assert roles["norm/bias"] == TensorRole.TENSOR_ROLE_OFFSET
    assert roles["temperature"] == TensorRole.TENSOR_ROLE_UNSPECIFIED
    assert told.losses[0].name == "binary_crossentropy"


def test_a_gated_recurrence_whose_inputs_are_multiplied_before_the_loop() -> None:
    params = {"gru": {**layer(3, 12), "recurrent_kernel": jnp.asarray(normal(4, 12))}, "output": layer(4, 2)}

    def loss_fn(params: Any, x: Any, y: Any) -> Any:
        def cell(state: Any, inputs: Any) -> Any:
            update, reset, new = jnp.split(inputs, 3, -1)
            by_update, by_reset, by_new = jnp.split(state @ params["gru"]["recurrent_kernel"], 3, -1)
            kept = jax.nn.sigmoid(update + by_update)
            new = jnp.tanh(new + jax.nn.sigmoid(reset + by_reset) * by_new)
            state = kept * state + (1 - kept) * new
            return state, state

        sequence = dense(params["gru"], x).swapaxes(0, 1)
        _, states = jax.lax.scan(cell, jnp.zeros((len(x), 4)), sequence)
        return jnp.mean(jnp.abs(dense(params["output"], states) - y.swapaxes(0, 1)))

    told = described(loss_fn, params, normal(BATCH, 6, 3), normal(BATCH, 6, 2))
    assert layers(told) == [("gru", "GRU", "tanh", []), ("output", "Dense", "linear", [])]
    assert {tensor.name: tensor.role for tensor in told.tensors}["gru/kernel"] == TensorRole.TENSOR_ROLE_KERNEL
    assert told.losses[0].name == "mean_absolute_error"


@pytest.mark.parametrize("broken", ["a loss of one's own", "a function that cannot be traced"])
def test_what_is_not_recognised_is_not_said(broken: str) -> None:
    def loss_fn(params: Any, x: Any, y: Any) -> Any:
        if broken != "a loss of one's own" and float(x.sum()) > 0:
            return 0.0
        x = dense(params["hidden"], x)
        return jnp.mean(jnp.cosh(dense(params["output"], jnp.sin(x) + jnp.cos(x)) - y))

    params = {"hidden": layer(4, 8), "output": layer(8, 1)}
    told = described(loss_fn, params, normal(BATCH, 4), normal(BATCH, 1))
    assert {tensor.name for tensor in told.tensors} == {
        f"{name}/{leaf}" for name in ("hidden", "output") for leaf in ("kernel", "bias")
    }
    assert not told.losses
    assert [each.activation for each in told.model.layers] in ([], ["custom", "linear"])
    assert described(loss_fn, params, normal(BATCH, 4), normal(BATCH, 1), loss="log_cosh").losses[0].name == "log_cosh"


def test_optimizers_are_read_as_far_as_they_are_known() -> None:
    schedule = optax.cosine_decay_schedule(0.01, 100)
    chained = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, weight_decay=0.1))
    config = OptaxConfig(chained).config()
    assert config is not None
    assert (config.name, config.schedule, config.global_clipnorm) == ("adamw", "cosine_decay_schedule", 1.0)
    assert config.learning_rate == pytest.approx(0.01)
    assert config.settings["weight_decay"] == pytest.approx(0.1)
    momentum = OptaxConfig(optax.sgd(0.5, momentum=0.9)).config()
    assert momentum is not None
    assert (momentum.name, momentum.learning_rate, momentum.settings["momentum"]) == ("sgd", 0.5, 0.9)
    injected = OptaxConfig(optax.inject_hyperparams(optax.rmsprop)(learning_rate=0.1)).config()
    assert injected is not None
    assert (injected.name, injected.HasField("learning_rate")) == ("rmsprop", False)
    assert OptaxConfig(optax.lamb(0.1)).config() is None


def _log_probabilities(z: Any) -> Any:
    return jnp.log(jax.nn.softmax(z) + 1e-8)


LOSSES: dict[str, tuple[Callable[[Any, Any], Any], Any, tuple[str, bool | None, str]]] = {
    "half the squared error": (
        lambda z, y: optax.l2_loss(jnp.tanh(z), y).sum(),
        normal(BATCH, 3),
        ("mean_squared_error", None, "tanh"),
    ),
    "Huber's": (lambda z, y: optax.huber_loss(z, y).mean(), normal(BATCH, 3), ("huber", None, "linear")),
    "logarithms of probabilities": (
        lambda z, y: -jnp.mean(jnp.sum(jax.nn.one_hot(y, 3) * _log_probabilities(z), -1)),
        np.arange(BATCH) % 3,
        ("sparse_categorical_crossentropy", True, "linear"),
    ),
    "one-hot labels, softmax twice": (
        lambda z, y: optax.softmax_cross_entropy(jax.nn.softmax(z), y).mean(),
        np.eye(3, dtype="float32")[np.arange(BATCH) % 3],
        ("categorical_crossentropy", True, "softmax"),
    ),
    "logarithms of what are no probabilities": (
        lambda z, y: -jnp.mean(jnp.log(jnp.take_along_axis(z, y[:, None], 1))),
        np.arange(BATCH) % 3,
        ("sparse_categorical_crossentropy", False, "linear"),
    ),
    "probabilities of several labels, with a penalty": (
        lambda z, y: -jnp.mean(y * jnp.log(jax.nn.sigmoid(z) + 1e-7) + (1 - y) * jnp.log(1 - jax.nn.sigmoid(z) + 1e-7)),
        np.float32(normal(BATCH, 3) > 0),
        ("binary_crossentropy", True, "linear"),
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_known_by_what_they_do(name: str) -> None:
    loss, y, expected = LOSSES[name]

    def loss_fn(params: Any, x: Any, y: Any) -> Any:
        return loss(dense(params, x), y) + 0.01 * jnp.sum(jnp.square(params["kernel"]))

    told = described(loss_fn, layer(4, 3), normal(BATCH, 4), y)
    ((found,), (output,)) = (told.losses, told.model.layers)
    assert (found.name, found.from_logits if found.HasField("from_logits") else None, output.activation) == expected
