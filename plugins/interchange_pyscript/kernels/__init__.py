"""The operators on Python lists: one function each, with ONNX's name and the signature of `interchange.ops`.

A script contains those that its model uses, copied from here with the helpers that they call. They need Python 3.9 and
its standard library only. Every function whose name starts with a capital is an operator; an attribute is a keyword.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interchange.catalogue import Catalogue
from interchange.ops import functions_of

# In this order a script has them: what layers do first, what they share last. `KERNELS` searches them in this order.
MODULES = tuple(
    f"{__name__}.{module}"
    for module in (
        "linear",
        "convolution",
        "pooling",
        "normalization",
        "activation",
        "elementwise",
        "shaping",
        "recurrent",
        "logic",
        "reduction",
        "resize",
        "spatial",
        "arithmetic",
        "tensor",
    )
)

KERNELS: Catalogue[Callable[..., Any]] = Catalogue(MODULES, functions_of)
