"""The operators on Python lists: one function each, with ONNX's name and the signature of `interchange.ops`.

A script contains those that its model uses, copied from here with the helpers that they call. They need Python 3.9 and
its standard library only. Every function whose name starts with a capital is an operator; an attribute is a keyword.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from interchange_pyscript.kernels import (
    activation,
    arithmetic,
    convolution,
    elementwise,
    linear,
    logic,
    normalization,
    pooling,
    recurrent,
    reduction,
    resize,
    shaping,
    spatial,
    tensor,
)

# In this order a script has them: what layers do first, what they share last.
MODULES = (
    linear,
    convolution,
    pooling,
    recurrent,
    normalization,
    activation,
    elementwise,
    logic,
    recurrent,
    reduction,
    resize,
    shaping,
    spatial,
    arithmetic,
    tensor,
)

KERNELS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        name: value
        for module in MODULES
        for name, value in vars(module).items()
        if name[0].isupper() and inspect.isfunction(value) and value.__module__ == module.__name__
    }
)
