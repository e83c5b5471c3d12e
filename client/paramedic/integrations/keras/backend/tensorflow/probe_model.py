"""One pass of a model over the samples of a probe, forward and back, in inference mode."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from paramedic.integrations.keras.activations import activation_of, probed_layers, statistics
from paramedic.integrations.keras.backend.tensorflow.through_time import (
    Perturbation,
    path_norms,
    perturbed_loop,
)
from paramedic.integrations.keras.harmless import replaced
from paramedic.integrations.keras.probe_batch import PARTS
from paramedic.integrations.keras.through_time import recurrent_layers


class ProbedModel:
    """What is measured of a model; its methods are traced, and return tensors.

    Attributes:
        layers: Names of the layers whose activations are measured; known once it was traced.
    """

    def __init__(self, model: Any, variables: Sequence[Any]) -> None:
        """Looks for what can be measured.

        Args:
            model: A keras.Model, built and compiled.
            variables: Whose gradients are measured.
        """
        self.layers: list[str] = []
        self._model = model
        self._variables = list(variables)

    def activations(self, batch: Any) -> dict[str, Any]:
        """Measures activations only: "layers", float32 [layers, signals]."""
        watched = _Watched(self._model)
        with replaced(watched.replacements()):
            self._predict(batch[0])
        self.layers = list(watched.measured)
        return {"layers": tf.stack(list(watched.measured.values()))} if watched.measured else {}

    def everything(self, batch: Any) -> dict[str, Any]:
        """Measures activations and gradients.

        Args:
            batch: Inputs, targets and weights of the samples.

        Returns:
            "layers" as above; "zero_shares" float32 [variables], NaN for one without a gradient; and, by recurrent
            layer, "paths", the norms of dL/dh_t, float32 [time], and "present", bool [time].
        """
        return self._measure(batch, recurrent_layers(self._model))

    def without_paths(self, batch: Any) -> dict[str, Any]:
        """Measures the same, for models whose recurrent layers are used in ways that have no single path."""
        return self._measure(batch, {})

    def _measure(self, batch: Any, recurrent: Mapping[str, Any]) -> dict[str, Any]:
        watched, perturbations = _Watched(self._model), dict[Any, Perturbation]()
        with tf.GradientTape(persistent=False) as tape:
            loops = {layer: ("inner_loop", perturbed_loop(layer, tape, perturbations)) for layer in recurrent.values()}
            with replaced(loops), replaced(watched.replacements()):
                loss, scale = self._loss(batch)
        reached = {name: perturbations[layer] for name, layer in recurrent.items() if layer in perturbations}
        values = [variable.value for variable in self._variables]
        by_value, by_output = tape.gradient(loss, (values, {name: each.zeros for name, each in reached.items()}))
        self.layers = list(watched.measured)
        paths = {name: path_norms(gradient) / scale for name, gradient in by_output.items() if gradient is not None}
        measured = {
            "paths": paths,
            "present": {name: reached[name].present for name in paths},
            "zero_shares": tf.stack([_zero_share(each) for each in by_value]),
        }
        if watched.measured:
            measured["layers"] = tf.stack(list(watched.measured.values()))
        return measured

    def noise(self, batch: Any) -> dict[str, Any]:
        """Measures gradients over parts of the samples: "micro" and "macro", squared norms.

        The first is the mean over the parts of the squared norm; the second the squared norm of the mean over the
        parts, which is the gradient over all samples.
        """
        size = keras.tree.flatten(batch[0])[0].shape[0] // PARTS
        values = [variable.value for variable in self._variables]

        def add_part(part: Any, square: Any, sums: Any) -> Any:
            samples = keras.tree.map_structure(lambda tensor: _slice(tensor, part * size, size), batch)
            with tf.GradientTape() as tape:
                loss, scale = self._loss(samples)
            gradients = [
                tf.zeros_like(value)
                if gradient is None
                else tf.convert_to_tensor(gradient) / tf.cast(scale, value.dtype)
                for gradient, value in zip(tape.gradient(loss, values), values, strict=True)
            ]
            return part + 1, square + _square(gradients), [a + b for a, b in zip(sums, gradients, strict=True)]

        _, square, sums = tf.while_loop(
            lambda part, *_: part < PARTS,
            add_part,
            [tf.constant(0), tf.constant(0.0), [tf.zeros(value.shape, value.dtype) for value in values]],
        )
        return {"micro": square / PARTS, "macro": _square(sums) / PARTS**2}

    def _predict(self, inputs: Any) -> Any:
        arguments = {"training": False} if self._model._call_has_training_arg else {}
        return self._model(inputs, **arguments)

    def _loss(self, batch: Any) -> tuple[Any, Any]:
        """The loss, multiplied by the optimizer's scale, and that scale."""
        inputs, targets, weights = batch
        predictions = self._predict(inputs)
        loss = self._model._compute_loss(x=inputs, y=targets, y_pred=predictions, sample_weight=weights, training=False)
        optimizer = self._model.optimizer
        scale = tf.cast(optimizer.scale_loss(tf.ones([], loss.dtype)), tf.float32)
        return optimizer.scale_loss(loss), scale


class _Watched:
    """Layers whose outputs are measured when they are called."""

    def __init__(self, model: Any) -> None:
        self._layers = probed_layers(model)
        self._found: dict[str, Any] = {}
        self._graph = tf.compat.v1.get_default_graph()

    @property
    def measured(self) -> dict[str, Any]:
        """float32 [signals] by layer, in forward order."""
        return {name: self._found[name] for name in self._layers if name in self._found}

    def replacements(self) -> dict[Any, tuple[str, Callable[..., Any]]]:
        """What their calls are replaced by."""
        return {layer: ("call", self._watch(name, layer)) for name, layer in self._layers.items()}

    def _watch(self, name: str, layer: Any) -> Callable[..., Any]:
        call = layer.call

        def watched(*args: Any, **kwargs: Any) -> Any:
            output = call(*args, **kwargs)
            activation = activation_of(output)
            if activation is not None and name not in self._found and self._reachable(activation):
                self._found[name] = tf.stop_gradient(statistics(layer, activation))
            return output

        return watched

    def _reachable(self, tensor: Any) -> bool:
        # What is computed inside a branch or a loop of its own cannot be read from the pass around it.
        return tensor.graph is self._graph


def _slice(tensor: Any, start: Any, size: int) -> Any:
    if tensor is None:
        return None
    return tf.ensure_shape(tensor[start : start + size], [size, *tensor.shape[1:]])


def _zero_share(gradient: Any) -> Any:
    if gradient is None:
        return tf.constant(float("nan"))
    if not isinstance(gradient, tf.IndexedSlices):
        return tf.math.zero_fraction(gradient)
    # Rows that the samples do not touch are zero; of the others, the same row may stand in several slices.
    rows, places = tf.unique(gradient.indices)
    touched = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
    elements = tf.cast(tf.reduce_prod(tf.cast(gradient.dense_shape, tf.int64)), tf.float32)
    return 1 - tf.cast(tf.math.count_nonzero(touched), tf.float32) / elements


def _square(gradients: Sequence[Any]) -> Any:
    return tf.add_n([tf.reduce_sum(tf.square(tf.cast(gradient, tf.float32))) for gradient in gradients])
