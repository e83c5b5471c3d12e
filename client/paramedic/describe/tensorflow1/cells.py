"""Recurrent layers of a graph of TensorFlow 1: loops that `dynamic_rnn` made, and cells that `static_rnn` unrolled.

A cell is known by its products with variables, which share a scope: `rnn/basic_lstm_cell/kernel`. How its sums are
split tells the gates: four ways in an LSTM, two or three in a GRU, not at all in a plain cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from paramedic.describe.tensorflow1.graph import ancestors, dimensions, is_variable, loop_of, root, scope_of, shape_of

_GATES = {4: "LSTM", 3: "GRU", 2: "GRU"}
_FUNCTIONS = {
    "Tanh": "tanh",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Elu": "elu",
    "Selu": "selu",
    "Softsign": "softsign",
}
_PARTS = frozenset({"gates", "candidate"})
_ENDS = frozenset({"NextIteration", "TensorArrayWriteV3", "Exit"})


@dataclass(slots=True, eq=False)
class Cell:
    """A recurrent layer.

    Attributes:
        name: Scope of its variables.
        kind: "SimpleRNN", "LSTM", "GRU"; "While" for a loop without any.
        activation: Of its state; empty when unknown.
        units: Width; 0 when unknown.
        variables: Kernels and biases.
        feeds: Tensors that enter it, weights and initial states among them.
        below: Cells of the same loop that feed it.
        input_shape: Of its sequence, batch first; empty when unknown.
        output: Its last output; None when it cannot be told.
        sequence: It reads, batch first where that is how it came; None when it cannot be told.
        state: Merge of the loop's variable that holds its output; None where it is unrolled, or cannot be told.
        unrolled: Its outputs, one a time step; empty for a loop.
    """

    name: str
    kind: str
    activation: str = ""
    units: int = 0
    variables: list[Any] = field(default_factory=list)
    feeds: list[Any] = field(default_factory=list)
    below: list["Cell"] = field(default_factory=list)
    input_shape: list[int] = field(default_factory=list)
    output: Any = None
    sequence: Any = None
    state: Any = None
    unrolled: list[Any] = field(default_factory=list)


def cells_of(operations: Sequence[Any]) -> dict[Any, Cell]:
    """Returns the operations that stand for a recurrent layer, each with it.

    Args:
        operations: That predictions are made of, in the order in which they were added to the graph.
    """
    loops: dict[Any, list[Any]] = {}
    for operation in operations:
        loop = loop_of(operation)
        if loop is not None:
            loops.setdefault(loop, []).append(operation)
    found: dict[Any, Cell] = {}
    names: set[str] = set()
    for loop, inside in loops.items():
        found |= _looped(loop, inside, names)
    return found | _unrolled([operation for operation in operations if loop_of(operation) is None], names)


def _looped(loop: Any, inside: Sequence[Any], names: set[str]) -> dict[Any, Cell]:
    exits = [operation for operation in inside if operation.type == "Exit"]
    feeds = [operation.inputs[0] for operation in inside if operation.type == "Enter" and loop_of(operation) is loop]
    feeds = [tensor for tensor in feeds if not is_variable(root(tensor))]
    sequence, shape = _sequence(feeds)
    found: dict[Any, Cell] = {}
    cells: list[Cell] = []
    for scope, products in _by_cell(inside).items():
        cell = _described(scope, products, _behind(products, frozenset(inside)), names)
        cell.below = cells[-1:]
        cell.feeds = [] if cells else feeds
        cell.sequence = None if cells else sequence
        cell.input_shape = [*shape[:2], cells[-1].units] if cells and shape else shape
        cell.state = _state(products)
        cell.output = _last(cell.state)
        cells.append(cell)
        found.update(dict.fromkeys(products, cell))
    if not cells:
        cells.append(Cell(_unique(scope_of(loop.name), names), "While", feeds=feeds))
    return found | dict.fromkeys(exits, cells[-1])


def _unrolled(operations: Sequence[Any], names: set[str]) -> dict[Any, Cell]:
    found: dict[Any, Cell] = {}
    for scope, products in _by_cell(operations).items():
        place = scope_of(products[0].name)
        kernel = _kernel(products[0])
        steps = [product for product in products if _kernel(product) is kernel]
        if len(steps) < 2 or not place or not scope or steps[0] not in ancestors([steps[1]], control=False):
            continue
        inside = [operation for operation in operations if operation.name.startswith(f"{place}/")]
        cell = _described(scope, products, inside, names)
        here = frozenset(inside)
        cell.feeds = [tensor for operation in inside for tensor in operation.inputs if tensor.op not in here]
        cell.sequence = next((tensor.op.inputs[0] for tensor in cell.feeds if tensor.op.type == "Unpack"), None)
        cell.unrolled = _outputs(steps, inside)
        cell.output = cell.unrolled[-1] if cell.unrolled else None
        cell.input_shape = [-1, len(steps), shape_of(kernel)[0] - cell.units] if cell.unrolled else []
        found.update(dict.fromkeys(inside, cell))
    return found


def _described(scope: str, products: Sequence[Any], operations: Sequence[Any], names: set[str]) -> Cell:
    splits = [operation.get_attr("num_split") for operation in operations if operation.type == "Split"]
    kind = next((_GATES[count] for count in splits if count in _GATES), "SimpleRNN")
    functions = [_FUNCTIONS[operation.type] for operation in operations if operation.type in _FUNCTIONS]
    if kind != "SimpleRNN":
        functions = [name for name in functions if name != "sigmoid"]  # that of its gates
    variables = list(dict.fromkeys(map(_kernel, products)))
    reading = [operation for operation in operations if operation.type in ("BiasAdd", "Add", "AddV2")]
    biases = [root(tensor) for operation in reading for tensor in operation.inputs]
    variables += [variable for variable in dict.fromkeys(biases) if is_variable(variable) and variable not in variables]
    widths = [size[-1] for size in map(shape_of, variables) if len(size) == 2]
    parts = 4 if kind == "LSTM" else 3 if 3 in splits else 1
    return Cell(
        name=_unique(scope, names),
        kind=kind,
        activation=functions[0] if functions else "",
        units=min(widths) // parts if widths else 0,
        variables=variables,
    )


def _by_cell(operations: Sequence[Any]) -> dict[str, list[Any]]:
    """Returns products with variables by the scope that these share."""
    found: dict[str, list[Any]] = {}
    for operation in operations:
        if operation.type == "MatMul" and _kernel(operation) is not None:
            scope = scope_of(_kernel(operation).name)
            if scope.rpartition("/")[2] in _PARTS:
                scope = scope_of(scope)
            found.setdefault(scope or _kernel(operation).name, []).append(operation)
    return found


def _kernel(product: Any) -> Any:
    return next((root(tensor) for tensor in product.inputs if is_variable(root(tensor))), None)


def _behind(products: Sequence[Any], inside: frozenset[Any]) -> list[Any]:
    """Returns what is made of products until a time step ends or another cell begins, in order."""
    seen = set(products)
    waiting = list(products)
    while waiting:
        for tensor in waiting.pop().outputs:
            for consumer in tensor.consumers():
                other = consumer.type == "MatMul" and consumer not in seen
                if consumer in inside and consumer not in seen and not other and consumer.type not in _ENDS:
                    seen.add(consumer)
                    waiting.append(consumer)
    return sorted(seen, key=_number)


def _state(products: Sequence[Any]) -> Any:
    """Returns the Merge of the loop's variable that products read: the output of the step before."""
    for product in products:
        for tensor in product.inputs:
            for part in tensor.op.inputs if tensor.op.type == "ConcatV2" else [tensor]:
                switch = part.op.inputs[0].op if part.op.type == "Identity" else None
                if switch is not None and switch.type == "Switch" and switch.inputs[0].op.type == "Merge":
                    return switch.inputs[0].op
    return None


def _last(state: Any) -> Any:
    """Returns what leaves a loop in one of its variables."""
    if state is None:
        return None
    switches = [consumer for consumer in state.outputs[0].consumers() if consumer.type == "Switch"]
    exits = [consumer for switch in switches for consumer in switch.outputs[0].consumers() if consumer.type == "Exit"]
    return exits[0].outputs[0] if exits else None


def _outputs(steps: Sequence[Any], inside: Sequence[Any]) -> list[Any]:
    """Returns the output of each unrolled step; empty when it cannot be told.

    A product reads the output of the step before beside its input. That of the last step is read by no product of the
    cell; it stands where those of the other steps stand, as far behind its product.
    """
    outputs = []
    for step in steps[1:]:
        joined = next((tensor.op for tensor in step.inputs if tensor.op.type == "ConcatV2"), None)
        if joined is None:
            return []
        outputs.append(joined.inputs[len(joined.inputs) - 2])
    before = list(inside)
    if outputs[-1].op not in before:
        return []
    last = before.index(steps[-1]) + before.index(outputs[-1].op) - before.index(steps[-2])
    if last >= len(before) or before[last].type != outputs[-1].op.type:
        return []
    return [*outputs, before[last].outputs[outputs[-1].value_index]]


def _sequence(feeds: Sequence[Any]) -> tuple[Any, list[int]]:
    """Returns the sequence that a loop reads step by step, and its shape, batch first."""
    for tensor in feeds:
        if tensor.op.type.startswith("TensorArrayScatter"):
            steps = tensor.op.inputs[2]
            size = dimensions(steps)
            shape = [-1, size[0], *size[2:]] if len(size) > 2 else []
            return (steps.op.inputs[0] if steps.op.type == "Transpose" else steps), shape
    return None, []


def _number(operation: Any) -> int:
    return int(operation._id)


def _unique(name: str, names: set[str]) -> str:
    candidate, number = name, 1
    while candidate in names:
        number += 1
        candidate = f"{name}#{number}"
    names.add(candidate)
    return candidate
