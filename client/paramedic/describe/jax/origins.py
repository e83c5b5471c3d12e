"""Where the values of a graph come from: from parameters, from data, or from neither."""

from collections.abc import Iterable, Mapping

from paramedic.describe.jax.graph import Graph, Node, Value

VIEWS = frozenset(
    {
        "broadcast_in_dim",
        "convert_element_type",
        "copy",
        "copy_p",
        "expand_dims",
        "optimization_barrier",
        "reduce_precision",
        "reshape",
        "rev",
        "sharding_constraint",
        "slice",
        "squeeze",
        "transpose",
    }
)
"""Operations that show the same numbers another way."""


class Origins:
    """What each value of a graph depends on."""

    def __init__(self, graph: Graph, leaves: Mapping[Value, int], data: Iterable[Value]) -> None:
        """Follows the graph.

        Args:
            graph: The graph.
            leaves: Of its inputs, those that are parameters, or show one: the parameter's place in its pytree.
            data: Those that are not.
        """
        self._leaves = dict(leaves)
        self._from_data = set(data)
        self._from_params = set(leaves)
        for node in graph.nodes:
            if any(value in self._from_data for value in node.inputs):
                self._from_data.update(node.outputs)
            if any(value in self._from_params for value in node.inputs):
                self._from_params.update(node.outputs)
            if node.name in VIEWS and node.inputs[0] in self._leaves:
                self._leaves[node.output] = self._leaves[node.inputs[0]]

    def leaf(self, value: Value) -> int | None:
        """Returns which parameter a value shows; None when it is none."""
        return self._leaves.get(value)

    def is_data(self, value: Value) -> bool:
        """Whether a value depends on data."""
        return value in self._from_data

    def is_constant(self, value: Value) -> bool:
        """Whether a value is the same whatever the parameters and the data."""
        return value not in self._from_data and value not in self._from_params

    def kernel(self, node: Node) -> tuple[int, int] | None:
        """Returns which parameter an operation multiplies data by, and its place among the inputs; None for others."""
        if node.name not in ("dot_general", "conv_general_dilated"):
            return None
        for place in (1, 0):
            leaf = self.leaf(node.inputs[place])
            if leaf is not None and self.is_data(node.inputs[1 - place]):
                return leaf, place
        return None
