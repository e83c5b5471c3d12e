"""Keeps AutoGraph from rewriting functions of ours that a loop calls while it is traced."""

from collections.abc import Callable
from typing import TypeVar, cast

import tensorflow as tf

_Function = TypeVar("_Function", bound=Callable[..., object])


def unconverted(function: _Function) -> _Function:
    """Has a function run as it is written, also when a function that AutoGraph converts calls it."""
    return cast(_Function, tf.autograph.experimental.do_not_convert(function))
