"""Keeps AutoGraph from rewriting functions of ours that a loop calls while it is traced."""

from collections.abc import Callable
from typing import TypeVar, cast

from tensorflow.python.autograph.impl.api import autograph_artifact  # tf.autograph's own way costs every call

_Function = TypeVar("_Function", bound=Callable[..., object])


def unconverted(function: _Function) -> _Function:
    """Has a function run as it is written, also when a function that AutoGraph converts calls it."""
    return cast(_Function, autograph_artifact(function))
