"""A traced function as a graph of operations, with the calls among them opened.

JAX says of a function what it computes, not what it is: layers, activations and losses have to be recognised in this
graph. It can be evaluated with some of its values or operations changed, which is how probes look inside.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jax.extend.core import Literal

# Calls that mean what their body means. Functions with derivatives of their own are not opened: these would be lost.
_CALLS = frozenset({"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"})


@dataclass(eq=False, slots=True, repr=False)
class Value:
    """Something computed, or given.

    Attributes:
        aval: Its shape and dtype.
        producer: The operation that it comes from; None where it is given.
        users: Operations that read it, and are needed for the graph's outputs.
        constant: What it always is; None where that depends.
    """

    aval: Any
    producer: "Node | None" = None
    users: list["Node"] = field(default_factory=list)
    constant: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return tuple(self.aval.shape)

    @property
    def dtype(self) -> Any:
        """Its element type."""
        return self.aval.dtype


@dataclass(eq=False, slots=True, repr=False)
class Node:
    """One operation.

    Attributes:
        equation: As JAX traced it.
        inputs: What it reads.
        outputs: What it computes.
    """

    equation: Any
    inputs: list[Value]
    outputs: list[Value]

    @property
    def name(self) -> str:
        """The operation's name: "dot_general"."""
        return str(self.equation.primitive.name)

    @property
    def params(self) -> Mapping[str, Any]:
        """What the operation was made with."""
        params: Mapping[str, Any] = self.equation.params
        return params

    @property
    def output(self) -> Value:
        """The first of what it computes."""
        return self.outputs[0]

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Computes its outputs."""
        equation = self.equation
        bound = equation.primitive.get_bind_params(equation.params)
        functions, params = bound if isinstance(bound, tuple) else ((), bound)  # as it was before JAX 0.7
        with equation.ctx.manager:
            outputs = equation.primitive.bind(*functions, *inputs, **params)
        return list(outputs) if equation.primitive.multiple_results else [outputs]


@dataclass(eq=False, slots=True, repr=False)
class Graph:
    """A function.

    Attributes:
        inputs: Its arguments, flat.
        outputs: What it returns.
        nodes: Operations that its outputs need, each behind those that it reads.
        pure: Whether it does nothing but compute them; what prints, or calls back, does more.
    """

    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]
    pure: bool = True

    def evaluate(
        self,
        arguments: Sequence[Any],
        changed: Mapping[Value, Callable[[Any], Any]] | None = None,
        instead: Mapping[Node, Callable[..., list[Any]]] | None = None,
    ) -> dict[Value, Any]:
        """Computes every value.

        Args:
            arguments: One for each input.
            changed: What to make of a value before anybody reads it.
            instead: What to run in place of an operation; takes the operation's inputs.
        """
        changed, instead = changed or {}, instead or {}
        known: dict[Value, Any] = {}

        def write(value: Value, computed: Any) -> None:
            known[value] = changed[value](computed) if value in changed else computed

        for value, argument in zip(self.inputs, arguments, strict=True):
            write(value, argument)
        for node in self.nodes:
            inputs = _read(node.inputs, known)
            made = instead[node](*inputs) if node in instead else node.run(inputs)
            for value, computed in zip(node.outputs, made, strict=True):
                write(value, computed)
        known.update((value, value.constant) for value in self.outputs if value.constant is not None)
        return known

    def derive(self, wanted: Value, known: Mapping[Value, Any]) -> Any:
        """Computes one value from others.

        Args:
            wanted: The value.
            known: Those to start from.

        Raises:
            KeyError: It takes more than these.
        """
        needed: set[Node] = set()
        ahead = [wanted]
        while ahead:
            value = ahead.pop()
            if value not in known and value.producer is not None and value.producer not in needed:
                needed.add(value.producer)
                ahead += value.producer.inputs
        computed = dict(known)
        for node in self.nodes:
            if node in needed:
                made = node.run(_read(node.inputs, computed))
                computed.update(
                    (value, each) for value, each in zip(node.outputs, made, strict=True) if value not in known
                )
        return _read([wanted], computed)[0]


def _read(values: Sequence[Value], known: Mapping[Value, Any]) -> list[Any]:
    return [known[value] if value.constant is None else value.constant for value in values]


def graph_of(closed: Any, outputs: Sequence[int] | None = None) -> Graph:
    """Returns the graph of a function.

    Args:
        closed: A ClosedJaxpr, as `jax.make_jaxpr` returns it.
        outputs: Which of its outputs matter; None: all.
    """
    nodes: list[Node] = []
    inputs = [Value(var.aval) for var in closed.jaxpr.invars]
    found = _open(closed.jaxpr, closed.consts, inputs, nodes)
    chosen = found if outputs is None else [found[place] for place in outputs]
    return Graph(inputs, chosen, _needed(nodes, chosen), not closed.jaxpr.effects)


def body_of(node: Node) -> Graph:
    """Returns the graph of what an operation such as a scan repeats."""
    return graph_of(node.params["jaxpr"])


def _open(jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Value], nodes: list[Node]) -> list[Value]:
    """Appends the operations of a function, those of the functions that it calls in place, and returns its outputs."""
    known: dict[Any, Value] = dict(zip(jaxpr.invars, inputs, strict=True))
    for var, constant in zip(jaxpr.constvars, constants, strict=True):
        known[var] = Value(var.aval, constant=constant)

    def read(atom: Any) -> Value:
        return Value(atom.aval, constant=atom.val) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        given = [read(atom) for atom in equation.invars]
        body = equation.params.get("jaxpr") if equation.primitive.name in _CALLS else None
        if body is None:
            node = Node(equation, given, [])
            node.outputs = [Value(var.aval, node) for var in equation.outvars]
            nodes.append(node)
            made = node.outputs
        else:
            made = _open(getattr(body, "jaxpr", body), getattr(body, "consts", ()), given, nodes)
        known.update(zip(equation.outvars, made, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _needed(nodes: Sequence[Node], outputs: Sequence[Value]) -> list[Node]:
    """Drops what no output needs, and notes who reads what."""
    wanted = set(outputs)
    kept: list[Node] = []
    for node in reversed(nodes):
        if wanted.isdisjoint(node.outputs):
            continue
        kept.append(node)
        wanted.update(node.inputs)
    kept.reverse()
    for node in kept:
        for value in dict.fromkeys(node.inputs):
            value.users.append(node)
    return kept
