"""Layers of a graph of TensorFlow 1, as far as its operations tell them.

A graph has no layers, only products with variables, additions of others, and functions. They are put together again
along the way of the data: a product with a variable begins a layer, the bias and the activation that follow at once are
its own. What is none of that, and does more than move values, is told as an operation of its own, by its type, so that
nobody takes the model for simpler than it is.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from paramedic.describe.tensorflow1.cells import Cell, cells_of
from paramedic.describe.tensorflow1.graph import dimensions, is_variable, loop_of, root, scope_of, shape_of

ACTIVATIONS = {
    "Relu": "relu",
    "Relu6": "relu6",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Elu": "elu",
    "Selu": "selu",
    "LeakyRelu": "leaky_relu",
    "Softplus": "softplus",
    "Softsign": "softsign",
}
_PRODUCTS = {
    "MatMul": "Dense",
    "BatchMatMul": "Dense",
    "BatchMatMulV2": "Dense",
    "Conv2D": "Conv2D",
    "Conv3D": "Conv3D",
    "DepthwiseConv2dNative": "DepthwiseConv2D",
    "Conv2DBackpropInput": "Conv2DTranspose",
    "Conv3DBackpropInputV2": "Conv3DTranspose",
}
_LOOKUPS = frozenset({"Gather", "GatherV2", "ResourceGather"})
_NORMALISATIONS = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
_POOLINGS = {"MaxPool": "MaxPooling2D", "AvgPool": "AveragePooling2D", "MaxPool3D": "MaxPooling3D"}
_BIASES = frozenset({"BiasAdd", "BiasAddV1", "Add", "AddV2"})
_JOINS = {"Add": "Add", "AddV2": "Add", "AddN": "Add", "Mul": "Multiply", "Sub": "Subtract", "ConcatV2": "Concatenate"}
_SCALINGS = frozenset({"Mul", "RealDiv", "Add", "AddV2", "Sub"})
_MOVING = frozenset(
    {"Identity", "StopGradient", "PreventGradient", "CheckNumerics", "Cast", "Reshape", "ExpandDims", "Squeeze"}
    | {"StridedSlice", "Slice", "Transpose", "Pack", "Unpack", "Split", "SplitV", "Tile", "Pad", "PadV2", "ReverseV2"}
    | {"ReverseSequence", "GatherV2", "GatherNd", "Switch", "Merge", "Enter", "Exit", "NextIteration", "SpaceToBatchND"}
    | {"BatchToSpaceND", "IdentityN", "TensorArrayScatterV3", "TensorArrayGatherV3", "TensorArrayReadV3", "ConcatV2"}
)
_SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank"})
_NORMALISING = re.compile(r"/(?:moments|batchnorm)(?:_\d+)?/")
_RANDOM = frozenset({"RandomUniform", "RandomStandardNormal", "StatelessRandomUniform", "StatelessRandomUniformV2"})
_SOURCES = ("Iterator", "QueueDequeue", "PlaceholderWithDefault")
MAX_LAYERS = 1000


@dataclass(slots=True)
class Layer:
    """A layer that was put together.

    Attributes:
        name: Unique.
        kind: Keras's class name, or the type of an operation.
        inputs: Names of layers that feed it.
        reads: Tensor that it reads.
        output: Tensor that it puts out.
        activation: Of its output; empty for a layer that has none.
        units: Width; None when not applicable.
        variables: It owns, kernels first.
        cell: Of a recurrent layer.
        channels_first: Whether its units are on the second axis, rather than the last.
        known: Whether the kind is more than the type of an operation.
    """

    name: str
    kind: str
    inputs: list[str]
    reads: Any
    output: Any
    activation: str = ""
    units: int | None = None
    variables: list[Any] = field(default_factory=list)
    cell: Cell | None = None
    channels_first: bool = False
    known: bool = True


def layers_of(operations: Sequence[Any]) -> list[Layer]:
    """Puts layers together, in forward order.

    Args:
        operations: That predictions are made of, and nothing else, in the order in which they were added to the graph.
    """
    return _Reader(operations).read()


class _Reader:
    def __init__(self, operations: Sequence[Any]) -> None:
        self._operations = operations
        self._layers: dict[str, Layer] = {}
        # Layers behind each tensor that carries data; weights, constants and random numbers are absent.
        self._behind: dict[str, tuple[str, ...]] = {}
        self._noise: set[str] = set()
        self._cells = cells_of(operations)
        self._scopes = _scopes_of_kernels(operations)

    def read(self) -> list[Layer]:
        for operation in self._operations:
            if len(self._layers) >= MAX_LAYERS:
                break
            cell = self._cells.get(operation)
            if cell is not None:
                self._in_cell(operation, cell)
            elif loop_of(operation) is None or operation.type == "Exit":
                self._take(operation)
        return list(self._layers.values())

    def _take(self, operation: Any) -> None:
        kind, outputs = operation.type, operation.outputs
        data = [tensor for tensor in operation.inputs if tensor.name in self._behind]
        weights = [root(tensor) for tensor in operation.inputs if is_variable(root(tensor))]
        if kind in _SHAPES or not outputs:
            return
        if kind in _RANDOM or (not data and any(tensor.name in self._noise for tensor in operation.inputs)):
            self._noise.update(tensor.name for tensor in outputs)
        elif not operation.inputs:
            if kind != "Const" and not is_variable(operation):
                self._pass(operation, ())
        elif not data and not weights:
            if kind.startswith(_SOURCES):
                self._pass(operation, ())
        elif data:
            self._compute(operation, data, weights)
        elif kind in _LOOKUPS:
            self._begin(operation, "Embedding", operation.inputs[1], weights[:1], shape_of(weights[0])[-1:])

    def _compute(self, operation: Any, data: list[Any], weights: list[Any]) -> None:
        kind = operation.type
        behind = self._join(data)
        last = self._layers.get(behind[0]) if len(behind) == 1 else None
        if kind in _LOOKUPS and weights:
            self._begin(operation, "Embedding", operation.inputs[1], weights[:1], shape_of(weights[0])[-1:])
        elif kind in _PRODUCTS and weights:
            self._product(operation, data, weights)
        elif kind in _BIASES and weights and last is not None and self._is_open(last, data[0]) and len(data) == 1:
            last.variables += weights
            self._extend(last, operation)
        elif kind in ACTIVATIONS:
            self._activate(operation, last, data)
        elif kind in _NORMALISATIONS:
            self._begin(operation, "BatchNormalization", data[0], weights, [])
        elif _NORMALISING.search(operation.name):
            self._normalise(operation, data, weights)
        elif any(tensor.name in self._noise for tensor in operation.inputs) and kind in ("Mul", "SelectV2", "Select"):
            self._drop(operation, last, data)
        elif kind in _POOLINGS:
            self._begin(operation, _POOLINGS[kind], data[0], [], [])
        elif kind in ("Mean", "Max") and operation.outputs[0].shape.rank == 2 and data[0].shape.rank in (3, 4):
            name = "Average" if kind == "Mean" else "Max"
            self._begin(operation, f"Global{name}Pooling{data[0].shape.rank - 2}D", data[0], [], [])
        elif kind in _JOINS and len(data) > 1 and len(behind) > 1:
            self._begin(operation, _JOINS[kind], data[0], [], [])
        elif kind in _MOVING or not (behind or weights):
            self._pass(operation, behind)  # what is done to inputs before the first layer is done to the data
        elif kind in _SCALINGS and len(data) == 1 and not weights:
            self._begin(operation, "Rescaling", data[0], [], [])
        else:
            self._unknown(operation, last, data, weights)

    def _product(self, operation: Any, data: list[Any], weights: list[Any]) -> None:
        kernel = weights[0]
        kind = _PRODUCTS[operation.type]
        if kind == "Conv2D" and data[0].op.type == "ExpandDims":
            kind = "Conv1D"
        size = shape_of(kernel)
        width = size[-2:-1] if kind.endswith("Transpose") else size[-1:]
        if operation.type == "MatMul" and operation.get_attr("transpose_b"):
            width = size[:1]
        layer = self._begin(operation, kind, data[-1], [kernel], width, self._scopes.get(kernel, kernel.name))
        layer.activation = "linear"
        layer.channels_first = (
            "data_format" in operation.node_def.attr and operation.get_attr("data_format")[:2] == b"NC"
        )

    def _activate(self, operation: Any, last: Layer | None, data: list[Any]) -> None:
        if last is not None and last.activation == "linear" and self._is_output(last, data[0]):
            last.activation = ACTIVATIONS[operation.type]
            self._extend(last, operation)
        else:
            self._begin(operation, "Activation", data[0], [], []).activation = ACTIVATIONS[operation.type]

    def _drop(self, operation: Any, last: Layer | None, data: list[Any]) -> None:
        scope = scope_of(operation.name)
        if last is not None and last.kind == "Rescaling" and scope_of(last.output.op.name) == scope:
            last.kind = "Dropout"  # the scaling of what is kept is part of it
            self._extend(last, operation)
        elif last is not None and last.kind == "Dropout" and scope_of(last.output.op.name) == scope:
            self._extend(last, operation)
        else:
            self._begin(operation, "Dropout", data[0], [], [])

    def _normalise(self, operation: Any, data: list[Any], weights: list[Any]) -> None:
        """Adds an operation to a normalisation over the batch, which is made of all those in two scopes."""
        name = _NORMALISING.split(operation.name, maxsplit=1)[0]
        layer = self._layers.get(name)
        if layer is None:
            layer = self._begin(operation, "BatchNormalization", data[0], [], [], name)
        layer.variables += weights
        self._extend(layer, operation)

    def _unknown(self, operation: Any, last: Layer | None, data: list[Any], weights: list[Any]) -> None:
        if last is not None and not last.known:
            last.variables += weights
            self._extend(last, operation)  # many of them in a row say no more than one
            return
        self._begin(operation, operation.type, data[0], weights, []).known = False

    def _in_cell(self, operation: Any, cell: Cell) -> None:
        """Takes in an operation of a recurrent layer, all of which are one."""
        if cell.name not in self._layers:
            fed = [tensor for tensor in cell.feeds if tensor.name in self._behind]
            inputs = list(self._join(fed)) or [each.name for each in cell.below if each.name in self._layers]
            name = self._unique(cell.name)
            self._layers[name] = Layer(
                name,
                cell.kind,
                inputs,
                fed[0] if fed else None,
                cell.output,
                cell.activation,
                cell.units,
                list(cell.variables),
                cell,
            )
        for tensor in operation.outputs:
            self._behind[tensor.name] = (cell.name,)

    def _begin(
        self, operation: Any, kind: str, reads: Any, variables: list[Any], width: list[int], name: str = ""
    ) -> Layer:
        data = [tensor for tensor in operation.inputs if tensor.name in self._behind]
        layer = Layer(self._unique(name or operation.name), kind, list(self._join(data)), reads, operation.outputs[0])
        layer.variables = variables
        layer.units = width[0] if width else None
        self._layers[layer.name] = layer
        self._pass(operation, (layer.name,))
        return layer

    def _extend(self, layer: Layer, operation: Any) -> None:
        layer.output = operation.outputs[0]
        self._pass(operation, (layer.name,))

    def _pass(self, operation: Any, behind: tuple[str, ...]) -> None:
        self._behind.update((tensor.name, behind) for tensor in operation.outputs)

    def _join(self, tensors: Sequence[Any]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for tensor in tensors for name in self._behind[tensor.name]))

    def _is_output(self, layer: Layer, tensor: Any) -> bool:
        """Whether a tensor is what a layer puts out, in whatever shape."""
        while tensor.name != layer.output.name and tensor.op.type in _MOVING and tensor.op.inputs:
            tensor = tensor.op.inputs[0]
        return bool(tensor.name == layer.output.name)

    def _is_open(self, layer: Layer, tensor: Any) -> bool:
        unbiased = len(layer.variables) == 1 and layer.activation == "linear"
        return unbiased and self._is_output(layer, tensor)

    def _unique(self, name: str) -> str:
        candidate, number = name, 1
        while candidate in self._layers:
            number += 1
            candidate = f"{name}#{number}"
        return candidate


def _scopes_of_kernels(operations: Sequence[Any]) -> dict[Any, str]:
    """Returns the scope that is one kernel's alone, by kernel: the name of its layer."""
    kernels = {
        variable: scope_of(variable.name)
        for operation in operations
        if operation.type in _PRODUCTS
        for variable in (root(tensor) for tensor in operation.inputs)
        if is_variable(variable)
    }
    scopes = list(kernels.values())
    return {kernel: scope for kernel, scope in kernels.items() if scope and scopes.count(scope) == 1}


def output_shape(layer: Layer) -> list[int]:
    """Returns the shape of what a layer puts out; empty when unknown."""
    if layer.cell is not None:
        return [-1, layer.cell.units]
    return _batched(dimensions(layer.output))


def input_shape(layer: Layer) -> list[int]:
    """Returns the shape of what a layer reads; empty when unknown."""
    if layer.cell is not None:
        return layer.cell.input_shape
    return [] if layer.reads is None else _batched(dimensions(layer.reads))


def _batched(shape: list[int]) -> list[int]:
    return [-1, *shape[1:]] if shape else []
