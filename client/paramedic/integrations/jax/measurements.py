"""What is measured of a step, inside the user's own jit."""

import logging
from typing import Any

import jax
import jax.numpy as jnp

from paramedic.describe.jax.tensors import trained

_LOG = logging.getLogger("paramedic")

# XLA sums a short array fastest in one loop with its neighbours, and a long one by a product that it has a kernel for.
_SHORT = 512

# What a kernel takes to begin is most of what a tensor up to this size costs, and a third of it where one measures its
# gradient, weight and update at once. To copy these together is dear where they are longer.
_LONG = 2**14


def measure(loss: Any, gradients: Any, params: Any, updated: Any, learning_rate: Any = None) -> Any:
    """Measures one step: a pure function, for use inside `jax.jit`, `jax.lax.scan` and the like.

    It reads what the step has anyway, behind a barrier that keeps the compiler from fusing it with the step's own
    arithmetic, so that the weights come out as they would have, to the bit.

    Args:
        loss: Scalar; or the pair that `jax.value_and_grad(..., has_aux=True)` returns, of which the first is taken.
        gradients: Of the loss by the parameters, a pytree like these; before clipping, and without a loss scale.
        params: The parameters before the update. Norms are taken of those that are real or complex numbers.
        updated: The parameters after the update, as `optax.apply_updates` returns them.
        learning_rate: Of this step, where it changes: a number, or the state of an optimizer made by
            `optax.inject_hyperparams`. One that is constant or a schedule is better told to `watch`, once.

    Returns:
        float32 [1 + 3 tensors], or [2 + 3 tensors] with a learning rate: the loss, the learning rate, and the L2 norms
        of all gradients, of all parameters before the update, and of what the update added to each; tensors in the
        order of the pytree. Squares are summed in float32, so that a norm above 1e19 reads as infinity and one below
        1e-19 as zero.
    """
    scalars = [loss[0] if isinstance(loss, tuple | list) else loss]
    try:
        rate = _learning_rate(learning_rate)
        if rate is not None:
            scalars.append(rate)
        columns = _norms(gradients, params, updated)
    except Exception as problem:  # the step must compile, whatever it was that we were given
        _LOG.warning("the norms of a step cannot be measured; only its loss is", exc_info=problem)
        columns = []
    return jnp.concatenate([jnp.stack([jnp.asarray(scalar, jnp.float32).reshape(()) for scalar in scalars]), *columns])


def _norms(gradients: Any, params: Any, updated: Any) -> list[Any]:
    chosen = trained(params)
    before = [leaf for leaf, wanted in zip(jax.tree.leaves(params), chosen, strict=True) if wanted]
    after = [leaf for leaf, wanted in zip(jax.tree.leaves(updated), chosen, strict=True) if wanted]
    # A parameter that the loss does not depend on may have None for a gradient, which is to say zero.
    given = jax.tree.leaves(gradients, is_leaf=lambda leaf: leaf is None)
    if len(given) != len(chosen):
        raise ValueError(f"{len(given)} gradients for {len(chosen)} parameters: expected pytrees of the same structure")
    gradient = [leaf for leaf, wanted in zip(given, chosen, strict=True) if wanted]
    if not before:
        return []
    # What the update added is read from its outcome: were the update itself read, it would have to be stored, and
    # the compiler could no longer round it and the sum at once, as it does without us.
    gradient, before, after = jax.lax.optimization_barrier((gradient, before, after))
    squares = [squared_norms(*tensor) for tensor in zip(gradient, before, after, strict=True)]
    return [jnp.sqrt(jnp.stack(squares, axis=1).reshape(-1))]


def squared_norms(gradient: Any, before: Any, after: Any) -> Any:
    """The squared L2 norms of a tensor's gradient, of the tensor before its update and of what that added.

    Args:
        gradient: Shaped like the tensor; None: zero.
        before: The tensor before the update.
        after: The tensor after it.

    Returns:
        float32 [3].
    """
    before, after = wide(before), wide(after)
    gradient = jnp.zeros_like(before) if gradient is None else wide(gradient)
    measured = [gradient, before, after - before]
    if before.size > _LONG or jnp.iscomplexobj(before):
        return jnp.stack([squared_norm(each) for each in measured])
    return _summed_squares(jnp.stack(measured), (0,))


def wide(leaf: Any) -> Any:
    """Returns an array with digits enough for a norm."""
    leaf = jnp.asarray(leaf)
    return leaf.astype(jnp.complex64 if jnp.iscomplexobj(leaf) else jnp.float32)


def squared_norm(leaf: Any) -> Any:
    """The squared L2 norm, float32."""
    if jnp.iscomplexobj(leaf):
        return jnp.sum(jnp.square(leaf.real) + jnp.square(leaf.imag))
    if leaf.size < _SHORT:
        return jnp.sum(jnp.square(leaf))
    return _summed_squares(leaf, ())


def _summed_squares(array: Any, kept: tuple[int, ...]) -> Any:
    """The sums of an array's squares over all axes but those that are kept, the first ones."""
    axes = tuple(range(len(kept), array.ndim))
    # Without this precision an accelerator may round what it multiplies to half of its digits.
    precision = jax.lax.Precision.HIGHEST
    return jax.lax.dot_general(array, array, ((axes, axes), (kept, kept)), precision=precision)


def _learning_rate(given: Any) -> Any:
    """The number, or the one that the state of an optimizer holds; None where there is none."""
    if given is None or isinstance(given, int | float) or hasattr(given, "shape"):
        return given
    return injected_rate(given)


def injected_rate(state: Any) -> Any:
    """Returns the learning rate in the state of an optimizer made by `optax.inject_hyperparams`; None without one."""
    holders = jax.tree.leaves(state, is_leaf=lambda node: hasattr(node, "hyperparams"))
    for holder in holders:
        rate = getattr(holder, "hyperparams", {}).get("learning_rate")
        if rate is not None:
            return rate
    return None
