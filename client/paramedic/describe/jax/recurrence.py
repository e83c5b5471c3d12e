"""Recurrent layers: scans whose state is multiplied by a parameter at every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paramedic.describe.jax.functions import LINEAR, UNKNOWN, activated, named
from paramedic.describe.jax.graph import Graph, Node, Value, body_of
from paramedic.describe.jax.origins import VIEWS, Origins

_GATES_OF_LSTM = 4
_GATES_OF_GRU = (2, 3)  # the candidate's kernel may read a product with the state instead


@dataclass(eq=False, slots=True)
class Recurrence:
    """One recurrent layer.

    Attributes:
        node: The scan.
        body: What it does at every time step.
        place: Of the layer's output among the scan's carried values.
        kind: "LSTM", "GRU", "SimpleRNN", or "RNN" for any other.
        activation: Of its output.
        units: Size of its output.
        kernels: Parameters that multiply what it reads.
        recurrent_kernels: Parameters that multiply its state.
        others: Further parameters that it reads.
        data: What it reads; None where that is not known.
    """

    node: Node
    body: Graph
    place: int
    kind: str
    activation: str
    units: int
    kernels: list[int]
    recurrent_kernels: list[int]
    others: list[int]
    data: Value | None

    @property
    def state(self) -> Value:
        """The layer's output at one time step, within the body."""
        return self.body.outputs[self.place]

    @property
    def sequence(self) -> Value | None:
        """Its outputs at all time steps; None when nobody reads them."""
        return next((value for value in self._sequences() if value.users), None)

    @property
    def last(self) -> Value:
        """Its output at the last time step."""
        return self.node.outputs[self.place]

    @property
    def steps(self) -> int:
        """Time steps."""
        return int(self.node.params["length"])

    def _sequences(self) -> Sequence[Value]:
        carried = int(self.node.params["num_carry"])
        pairs = zip(self.node.outputs[carried:], self.body.outputs[carried:], strict=True)
        return [outer for outer, inner in pairs if inner is self.state]


def recurrences(node: Node, origins: Origins) -> list[Recurrence]:
    """Returns the recurrent layers that a scan runs.

    Args:
        node: The scan.
        origins: Of the values of the graph that it stands in.
    """
    body = body_of(node)
    constants, carried = int(node.params["num_consts"]), int(node.params["num_carry"])
    carry = body.inputs[constants : constants + carried]
    given = zip(body.inputs[:constants], node.inputs[:constants], strict=True)
    leaves = {inner: leaf for inner, outer in given if (leaf := origins.leaf(outer)) is not None}
    inside = Origins(body, leaves, body.inputs[constants:])
    products: dict[int, list[Node]] = {}
    for each in body.nodes:
        found = inside.kernel(each)
        for place in _sources(each.inputs[1 - found[1]], carry) if found is not None else ():
            products.setdefault(place, []).append(each)
    alone = len(products) == 1
    return [
        _recurrence(node, body, inside, leaves, place, each, _floating(carry, carry[place]) if alone else 0)
        for place, each in products.items()
        if body.outputs[place].shape
    ]


def _recurrence(
    node: Node,
    body: Graph,
    origins: Origins,
    leaves: Mapping[Value, int],
    place: int,
    products: Sequence[Node],
    states: int,
) -> Recurrence:
    kernels = [origins.kernel(product) for product in products]
    recurrent = list(dict.fromkeys(found[0] for found in kernels if found is not None))
    units = body.inputs[int(node.params["num_consts"]) + place].shape[-1]
    gates = sum(_columns(product, body.outputs[place]) for product in products) // max(units, 1)
    kind, activation = "RNN", UNKNOWN
    operations = {each.name for each in body.nodes}
    squashed = "tanh" if {"tanh", "logistic"} <= operations else UNKNOWN
    if states == 2 and gates == _GATES_OF_LSTM:
        kind, activation = "LSTM", squashed
    elif states == 1 and gates in _GATES_OF_GRU:
        kind, activation = "GRU", squashed
    elif states == 1 and gates == 1:
        function = _function(body, origins, products[0], body.outputs[place])
        if function is not None:
            kind, activation = "SimpleRNN", function
    reading = [each for each in body.nodes if origins.kernel(each) is not None and each not in products]
    scanned = body.inputs[int(node.params["num_consts"]) + int(node.params["num_carry"]) :]
    first = int(node.params["num_consts"]) + int(node.params["num_carry"])
    input_kernels: list[int] = []
    data: Value | None = None
    for each in reading:
        found = origins.kernel(each)
        assert found is not None
        for source in _sources(each.inputs[1 - found[1]], scanned):
            input_kernels.append(found[0])
            data = data or node.inputs[first + source]
    if data is None and len(scanned) == 1:
        data = node.inputs[first]  # what was multiplied before the loop is added in it
    others = [leaf for leaf in leaves.values() if leaf not in recurrent and leaf not in input_kernels]
    return Recurrence(
        node,
        body,
        place,
        kind,
        activation,
        units,
        list(dict.fromkeys(each for each in input_kernels if each not in recurrent)),
        recurrent,
        others,
        data,
    )


def _function(body: Graph, origins: Origins, product: Node, state: Value) -> str | None:
    """Names what is applied to the sum of the products; None when the state is something else."""
    total = product.output
    while len(total.users) == 1 and (total.users[0].name in ("add", "add_any") or total.users[0].name in VIEWS):
        total = total.users[0].output
    after = activated(body, origins, total)
    if after is not state:
        return None
    return LINEAR if after is total else named(body, [(total, after)])[0]


def _columns(product: Node, state: Value) -> int:
    """Numbers that a product makes for each sample."""
    samples = 1
    for size in state.shape[:-1]:
        samples *= size
    made = 1
    for size in product.output.shape:
        made *= size
    return made // max(samples, 1)


def _floating(carry: Sequence[Value], like: Value) -> int:
    """Carried values that are like one: counters and keys are none."""
    return sum(1 for each in carry if each.shape == like.shape and each.dtype == like.dtype)


def _sources(value: Value, wanted: Sequence[Value]) -> list[int]:
    """Returns the places of the values that one shows, or is joined from."""
    found: list[int] = []
    ahead: list[Any] = [value]
    while ahead:
        each = ahead.pop()
        if each in wanted:
            found.append(wanted.index(each))
        elif each.producer is not None and (each.producer.name in VIEWS or each.producer.name == "concatenate"):
            ahead += each.producer.inputs
    return found
