"""Loss functions of JAX and optimizers of Optax in neutral terms.

A model in JAX is a function: it is traced, and what it computes is recognised, layer by layer. What is not recognised
is left out.
"""
