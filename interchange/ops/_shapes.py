"""Shape rules: what an operator's output looks like, without computing it.

Only for operators that cost more than their memory; all others are simply run on placeholders (see evaluate.infer).
A test runs every row of the operator table and compares the rule with what the function returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


def elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks an operator whose output has the broadcast shape of its inputs; its dtype depends on dtypes alone."""

    def rule(*inputs: Array | None, **_: Any) -> Shape:
        return np.broadcast_shapes(*(x.shape for x in inputs if x is not None))

    function.is_elementwise = True  # type: ignore[attr-defined]
    return shape_rule(rule)(function)


def shape_rule(rule: Callable[..., Shape], *others: Callable[..., Shape]) -> Callable[..., Callable[..., Any]]:
    """Gives an operator its shape rule, which takes the operator's arguments and returns the first output's shape.

    `others` are the rules of the outputs after it, for operators that cost much although these are wanted.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        function.shape_rule = rule  # type: ignore[attr-defined]
        function.more_shape_rules = others  # type: ignore[attr-defined]
        return function

    return mark


def same_shape(x: Array, *_: Array | None, **__: Any) -> Shape:
    """The rule of an operator whose output has the shape of its first input."""
    return x.shape
