"""Small Keras models, one for every kind of layer, wrapper, operation and connection that reproductions build."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers as L  # noqa: N812 - as Keras's own examples write it
from keras import ops


def _stack(shape: tuple[int | None, ...], *stack: Any) -> Any:
    return keras.Sequential([keras.Input(shape), *stack])


def _function(shape: tuple[int | None, ...], of: Callable[[Any], Any], **settings: Any) -> Any:
    given = keras.Input(shape, **settings)
    return keras.Model(given, of(given))


def _shared() -> Any:
    one, two = keras.Input((4,), name="one"), keras.Input((4,), name="two")
    dense = L.Dense(3)
    return keras.Model([one, two], L.Dense(1)(L.Concatenate()([dense(one), dense(two)])))


def _nested() -> Any:
    encoder = _function((8,), lambda x: L.Dense(3, activation="tanh")(x) + 1.0)
    return _function((8,), lambda x: L.Dense(8)(encoder(x) * 2))


def _nested_twice() -> Any:
    encoder = keras.Sequential([keras.Input((8,)), L.Dense(4), L.ReLU()])
    return _function((8,), lambda x: L.Dense(8)(encoder(x) + encoder(x)))


def _nested_first() -> Any:
    return keras.Sequential([keras.Input((8,)), _function((8,), lambda x: x + L.Dense(8)(x)), L.Dense(2)])


def _two_outputs() -> Any:
    given = keras.Input((3,))
    return keras.Model(given, [L.Dense(1)(given), L.Dense(2)(given)])


def _frozen() -> Any:
    model = _stack((4,), L.Dense(3), L.BatchNormalization(), L.Dense(2))
    model.layers[0].trainable = model.layers[1].trainable = False
    return model


def _attention(x: Any) -> Any:
    return L.AdditiveAttention()([x, L.Attention(use_scale=True, score_mode="concat")([x, x], use_causal_mask=True)])


MODELS: Mapping[str, Callable[[], Any]] = {
    "wrapped in time": lambda: _stack((5, 4), L.TimeDistributed(L.Dense(3, activation="relu")), L.LSTM(2)),
    "both ways": lambda: _stack(
        (5, 4), L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"), L.Bidirectional(L.SimpleRNN(3))
    ),
    "both ways by two layers": lambda: _stack(
        (5, 4), L.Bidirectional(L.LSTM(3), backward_layer=L.LSTM(3, activation="relu", go_backwards=True))
    ),
    "stacked cells": lambda: _stack((5, 4), L.RNN([L.LSTMCell(3), L.GRUCell(4)]), L.Dense(1)),
    "a cell": lambda: _stack((5, 4), L.RNN(L.SimpleRNNCell(3), return_sequences=True), L.Dense(1)),
    "recurrent settings": lambda: _stack(
        (5, 4),
        L.GRU(3, reset_after=False, recurrent_dropout=0.1, go_backwards=True, return_sequences=True),
        L.SimpleRNN(3, use_bias=False, activation="relu", return_sequences=True),
        L.LSTM(3, unit_forget_bias=False, recurrent_activation="hard_sigmoid"),
    ),
    "images": lambda: _stack(
        (16, 16, 3), L.Conv2D(4, 3, padding="same", strides=2), L.BatchNormalization(), L.LeakyReLU(0.2),
        L.SeparableConv2D(6, 3), L.SpatialDropout2D(0.2), L.DepthwiseConv2D(2, depth_multiplier=2),
        L.AveragePooling2D(2), L.GlobalAveragePooling2D(keepdims=True), L.Flatten(), L.Dense(2),
    ),
    "images enlarged": lambda: _stack(
        (4, 4, 3), L.Conv2DTranspose(4, 3, strides=2, padding="same"), L.Conv2DTranspose(4, 3, strides=2),
        L.UpSampling2D(2, interpolation="bilinear"), L.ZeroPadding2D(((1, 2), (0, 1))), L.Cropping2D(1),
        L.MaxPooling2D((2, 3), strides=1, padding="same"), L.GlobalMaxPooling2D(),
    ),
    "convolved sequences": lambda: _stack(
        (20, 4), L.Conv1D(8, 3, padding="causal", dilation_rate=2), L.Conv1D(8, 3, groups=2, use_bias=False),
        L.MaxPooling1D(2, strides=3), L.Conv1DTranspose(3, 4, strides=2), L.SeparableConv1D(4, 3), L.ZeroPadding1D(2),
        L.DepthwiseConv1D(2, padding="same"), L.Cropping1D((1, 2)), L.UpSampling1D(2), L.SpatialDropout1D(0.2),
        L.AveragePooling1D(2), L.GlobalMaxPooling1D(),
    ),
    "volumes": lambda: _stack(
        (6, 6, 6, 2), L.ZeroPadding3D(1), L.Conv3D(3, 2), L.MaxPooling3D(2), L.UpSampling3D(2), L.Cropping3D(1),
        L.AveragePooling3D(1), L.GlobalAveragePooling3D(),
    ),
    "convolved recurrence": lambda: _stack(
        (3, 8, 8, 1), L.ConvLSTM2D(2, 3, return_sequences=True), L.ConvLSTM2D(2, 3, padding="same"), L.Flatten()
    ),
    "convolved recurrence over sequences": lambda: _stack((3, 8, 2), L.ConvLSTM1D(2, 3), L.GlobalAveragePooling1D()),
    "normalised": lambda: _stack(
        (6, 8), L.LayerNormalization(), L.GroupNormalization(4), L.RMSNormalization(), L.UnitNormalization(),
        L.PReLU(shared_axes=[1]), L.ELU(0.5), L.Softmax(), L.Activation("gelu"), L.BatchNormalization(center=False),
    ),
    "rearranged": lambda: _stack(
        (24,), L.Reshape((4, -1)), L.Permute((2, 1)), L.Flatten(), L.RepeatVector(5), L.Rescaling(0.5, 1),
        L.GaussianNoise(0.1), L.GaussianDropout(0.1), L.AlphaDropout(0.1), L.ActivityRegularization(0.1), L.Identity(),
        L.Masking(), L.Dropout(0.1), L.ReLU(6.0),
    ),
    "made with parts": lambda: _stack(
        (7,), L.Embedding(20, 4, mask_zero=True), L.GRU(3),
        L.Dense(
            2, activation=L.LeakyReLU(0.1), kernel_regularizer=keras.regularizers.L1L2(0.1, 0.1),
            bias_constraint=keras.constraints.MaxNorm(3), bias_initializer=keras.initializers.Constant(-10.0),
            kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out", "uniform"),
        ),
    ),
    "attention with heads": lambda: _function(
        (5, 8), lambda x: L.MultiHeadAttention(2, 3, value_dim=5, output_shape=6)(x, value=x, use_causal_mask=True)
    ),
    "attention of a key of its own": lambda: _function(
        (5, 8), lambda x: L.MultiHeadAttention(2, 3, use_bias=False)(x, L.Dense(4)(x), key=L.Dense(6)(x))
    ),
    "attention without heads": lambda: _function((5, 8), _attention),
    "products": lambda: _function((5, 8), lambda x: L.Dot((2, 2), normalize=True)([x, x])),
    "merged": lambda: _function(
        (5,), lambda x: L.Average()([L.Dense(5)(x), L.Multiply()([x, x]), L.Subtract()([x, L.Maximum()([x, x])])])
    ),
    "a layer used twice": _shared,
    "a model within": _nested,
    "a model within used twice": _nested_twice,
    "a model within in front": _nested_first,
    "two outputs": _two_outputs,
    "frozen": _frozen,
    "of any length": lambda: _stack((None, 3), L.LSTM(4, return_sequences=True), L.GlobalAveragePooling1D()),
    "x[:, -1]": lambda: _function((5, 8), lambda x: L.Dense(3)(x[:, -1])),
    "x[:, 1:4:2, 2:]": lambda: _function((5, 8), lambda x: L.Dense(3)(x[:, 1:4:2, 2:])),
    "x * 0.0": lambda: _function((5,), lambda x: L.Dense(2)(L.Dense(3)(x) * 0.0)),
    "1 - x": lambda: _function((5,), lambda x: 1 - x),
    "x / (1 + x ** 2)": lambda: _function((5,), lambda x: x / (1 + x**2)),
    "mean": lambda: _function((5, 8), lambda x: ops.mean(x, axis=1, keepdims=True)),
    "relu of a reshape": lambda: _function((5, 8), lambda x: ops.relu(ops.reshape(x, (-1, 40))) - 3),
    "concatenate": lambda: _function((5, 8), lambda x: ops.concatenate([x, ops.square(x)], axis=-1)),
    "expand and squeeze": lambda: _function((5, 8), lambda x: ops.squeeze(ops.expand_dims(x, 2), 2)),
    "transpose": lambda: _function((5, 8), lambda x: ops.transpose(x, (0, 2, 1))),
    "clip and maximum": lambda: _function((5,), lambda x: ops.maximum(ops.clip(x, 1.0, 3.0), 2.0)),
    "cast": lambda: _function((5,), lambda x: L.Dense(2)(ops.cast(x, "float32")), dtype="int32"),
    "softmax": lambda: _function((5,), lambda x: ops.softmax(L.Dense(3)(x), axis=-1)),
    "stop_gradient": lambda: _function((5,), lambda x: L.Dense(1)(ops.stop_gradient(L.Dense(3)(x)))),
}  # fmt: skip
"""Makers of models by what is special about them."""
