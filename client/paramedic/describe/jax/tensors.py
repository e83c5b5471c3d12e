"""The parameters of a JAX model: which are trained, what they are called."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from paramedic.names import MAX_TENSOR_CHARACTERS


def trained(params: Any) -> list[bool]:
    """Whether each leaf of a pytree of parameters is a tensor that gradients are taken by: real or complex numbers."""
    return [
        hasattr(leaf, "dtype") and hasattr(leaf, "shape") and jnp.issubdtype(leaf.dtype, np.inexact)
        for leaf in jax.tree.leaves(params)
    ]


def paths(params: Any) -> list[tuple[str, ...]]:
    """Returns the keys that lead to each leaf of a pytree.

    The collection "params", in which Flax keeps what is trained, is left out where it holds everything.
    """
    found = [tuple(map(_key, path)) for path, _ in jax.tree_util.tree_flatten_with_path(params)[0]]
    while found and all(len(path) > 1 and path[0] == "params" for path in found):
        found = [path[1:] for path in found]
    return found


def tensor_name(path: tuple[str, ...]) -> str:
    """Returns the name of the tensor at a path."""
    return "/".join(path)[-MAX_TENSOR_CHARACTERS:] or "params"


def _key(entry: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)
