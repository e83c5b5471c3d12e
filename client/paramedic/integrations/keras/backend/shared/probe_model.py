"""One pass of a model over the samples of a probe, forward and back, as a function of its weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import keras
from keras import ops

from paramedic.integrations.keras.activations import activation_of, probed_layers, statistics
from paramedic.integrations.keras.backend.shared.through_time import Path, path_norms, perturbed_loop
from paramedic.integrations.keras.harmless import replaced, shielded
from paramedic.integrations.keras.probe_batch import PARTS
from paramedic.integrations.keras.through_time import recurrent_layers


class Calculus(Protocol):
    """What a framework brings along."""

    def differentiated(self, function: Callable[[Any], tuple[Any, Any]], free: Any) -> tuple[Any, Any]:
        """Returns the gradient of a function's first result by nested arrays, None for one without, and its second."""

    def outlined(self, function: Callable[[Any], Any], argument: Any) -> None:
        """Calls a function for its side effects, computing no more than must be."""

    def place(self) -> Any:
        """Returns what tells apart where tensors can be used: within a loop that is traced, or outside of it."""

    def constant(self, tensor: Any) -> Any:
        """Returns a tensor that nothing is differentiated through."""


class ProbedModel:
    """What is measured of a model.

    Its methods take "batch": inputs, targets and weights of the samples; "trainable" and "others", the values of the
    model's trainable and other variables; and "numbers", those of the optimizer's variables without dimensions.

    Attributes:
        layers: Names of the layers whose activations are measured; known once one of the methods was called.
    """

    def __init__(self, model: Any, variables: Sequence[Any], calculus: Calculus) -> None:
        """Looks for what can be measured.

        Args:
            model: A keras.Model, built and compiled.
            variables: Whose gradients are measured.
            calculus: How its framework differentiates.
        """
        self.layers: list[str] = []
        self._model = model
        self._calculus = calculus
        positions = {id(variable): position for position, variable in enumerate(model.trainable_variables)}
        self._positions = [positions.get(id(variable)) for variable in variables]
        self._paths: dict[str, Path] = {}

    def activations(self, argument: Mapping[str, Any]) -> dict[str, Any]:
        """Measures activations only: "layers", float32 [layers, signals]."""
        watched = _Watched(self._model, self._calculus)
        with self._shielded(argument, argument["trainable"]), replaced(watched.replacements()):
            self._predict(argument["batch"][0])
        self.layers = list(watched.measured)
        return watched.stacked()

    def everything(self, argument: Mapping[str, Any]) -> dict[str, Any]:
        """Measures activations and gradients.

        Returns:
            "layers" as above; "zero_shares" float32 [variables], NaN for one without a gradient; and, by recurrent
            layer, "paths", the norms of dL/dh_t, float32 [time], and "present", bool [time].
        """
        return self._measure(argument, recurrent_layers(self._model))

    def without_paths(self, argument: Mapping[str, Any]) -> dict[str, Any]:
        """Measures the same, for models whose recurrent layers are used in ways that have no single path."""
        return self._measure(argument, {})

    def noise(self, argument: Mapping[str, Any]) -> dict[str, Any]:
        """Measures gradients over parts of the samples: "micro" and "macro", squared norms.

        The first is the mean over the parts of the squared norm; the second the squared norm of the mean over the
        parts, which is the gradient over all samples.
        """
        size = keras.tree.flatten(argument["batch"][0])[0].shape[0] // PARTS
        places = [place for place, leaf in enumerate(keras.tree.flatten(argument["batch"])) if leaf is not None]
        leaves = keras.tree.flatten(argument["batch"])
        parts = [
            ops.reshape(leaves[place][: size * PARTS], (PARTS, size, *leaves[place].shape[1:])) for place in places
        ]

        def add_part(carry: Any, part: Any) -> Any:
            samples = [None] * len(leaves)
            for place, values in zip(places, part, strict=True):
                samples[place] = values
            batch = keras.tree.pack_sequence_as(argument["batch"], samples)
            gradients, scale = self._calculus.differentiated(
                lambda trainable: self._loss({**argument, "batch": batch}, trainable), argument["trainable"]
            )
            known = [
                ops.zeros(value.shape, "float32") if gradient is None else ops.cast(gradient, "float32") / scale
                for gradient, value in zip(gradients, argument["trainable"], strict=True)
            ]
            known = [known[position] for position in self._positions if position is not None]
            return [carry[0] + _square(known), *(a + b for a, b in zip(carry[1:], known, strict=True))], ops.zeros(())

        measured = [argument["trainable"][position] for position in self._positions if position is not None]
        begin = [ops.zeros((), "float32"), *(ops.zeros(value.shape, "float32") for value in measured)]
        (square, *sums), _ = ops.scan(add_part, begin, parts)
        return {"micro": square / PARTS, "macro": _square(sums) / PARTS**2}

    def _measure(self, argument: Mapping[str, Any], recurrent: Mapping[str, Any]) -> dict[str, Any]:
        watched, paths = _Watched(self._model, self._calculus), dict[str, Path]()
        if recurrent:
            self._calculus.outlined(lambda argument: self._outline(argument, recurrent), argument)
        zeros = {name: ops.zeros(path.shape, path.dtype) for name, path in self._paths.items() if name in recurrent}

        def loss_of(free: Any) -> tuple[Any, Any]:
            loops = {
                layer: ("inner_loop", perturbed_loop(name, layer, free["zeros"][name], paths))
                for name, layer in recurrent.items()
                if name in zeros
            }
            with replaced(loops), replaced(watched.replacements()):
                watched.begin()
                loss, scale = self._loss(argument, free["trainable"])
            present = {name: self._calculus.constant(path.present) for name, path in paths.items()}
            return loss, {"scale": scale, "present": present, **watched.stacked()}

        measured: dict[str, Any]
        gradients, measured = self._calculus.differentiated(
            loss_of, {"trainable": list(argument["trainable"]), "zeros": zeros}
        )
        self.layers = list(watched.measured)
        scale, by_output = measured.pop("scale"), gradients["zeros"]
        measured["paths"] = {
            name: path_norms(gradient) / scale for name, gradient in by_output.items() if gradient is not None
        }
        by_value = [None if place is None else gradients["trainable"][place] for place in self._positions]
        measured["zero_shares"] = ops.stack([_zero_share(gradient) for gradient in by_value])
        return measured

    def _outline(self, argument: Mapping[str, Any], recurrent: Mapping[str, Any]) -> None:
        """Learns what the outputs of recurrent layers look like."""
        self._paths = {}
        loops = {
            layer: ("inner_loop", perturbed_loop(name, layer, None, self._paths)) for name, layer in recurrent.items()
        }
        with self._shielded(argument, argument["trainable"]), replaced(loops):
            self._predict(argument["batch"][0])

    def _loss(self, argument: Mapping[str, Any], trainable: Sequence[Any]) -> tuple[Any, Any]:
        """The loss, multiplied by the optimizer's scale, and that scale."""
        inputs, targets, weights = argument["batch"]
        model = self._model
        with self._shielded(argument, trainable):
            predictions = self._predict(inputs)
            loss = model._compute_loss(x=inputs, y=targets, y_pred=predictions, sample_weight=weights, training=False)
            scale = ops.cast(model.optimizer.scale_loss(ops.ones((), loss.dtype)), "float32")
            return model.optimizer.scale_loss(loss), self._calculus.constant(scale)

    def _predict(self, inputs: Any) -> Any:
        arguments = {"training": False} if self._model._call_has_training_arg else {}
        return self._model(inputs, **arguments)

    @contextmanager
    def _shielded(self, argument: Mapping[str, Any], trainable: Sequence[Any]) -> Iterator[None]:
        model = self._model
        numbers = [variable for variable in model.optimizer.variables if variable.shape == ()]
        values = dict[int, Any]()
        for variables, theirs in (
            (model.trainable_variables, trainable),
            (model.non_trainable_variables, argument["others"]),
            (numbers, argument["numbers"]),
        ):
            values |= {id(variable): value for variable, value in zip(variables, theirs, strict=True)}
        with shielded(model, values):
            yield


class _Watched:
    """Layers whose outputs are measured when they are called."""

    def __init__(self, model: Any, calculus: Calculus) -> None:
        self._layers = probed_layers(model)
        self._calculus = calculus
        self._found: dict[str, Any] = {}
        self.begin()

    def begin(self) -> None:
        """What is called from here on is where it can be used."""
        self._place = self._calculus.place()

    @property
    def measured(self) -> dict[str, Any]:
        """float32 [signals] by layer, in forward order."""
        return {name: self._found[name] for name in self._layers if name in self._found}

    def stacked(self) -> dict[str, Any]:
        """The same as "layers", float32 [layers, signals]; nothing when there are none."""
        return {"layers": ops.stack(list(self.measured.values()))} if self._found else {}

    def replacements(self) -> dict[Any, tuple[str, Callable[..., Any]]]:
        """What their calls are replaced by."""
        return {layer: ("call", self._watch(name, layer)) for name, layer in self._layers.items()}

    def _watch(self, name: str, layer: Any) -> Callable[..., Any]:
        call = layer.call

        def watched(*args: Any, **kwargs: Any) -> Any:
            output = call(*args, **kwargs)
            activation = activation_of(output)
            # What is computed inside a branch or a loop of its own cannot be read from the pass around it.
            if activation is not None and name not in self._found and self._calculus.place() == self._place:
                self._found[name] = statistics(layer, self._calculus.constant(activation))
            return output

        return watched


def _zero_share(gradient: Any) -> Any:
    if gradient is None:
        return ops.convert_to_tensor(float("nan"), "float32")
    return ops.mean(ops.cast(ops.equal(gradient, 0), "float32"))


def _square(tensors: Sequence[Any]) -> Any:
    return sum(ops.sum(ops.square(tensor)) for tensor in tensors)
