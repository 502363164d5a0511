"""What is shorter for a model whose inputs and outputs are tensors of numbers.

No sequences, optional values, maps and texts. These functions stand for those of the same names in other modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor
from interchange_pyscript.program.files import from_nested
from interchange_pyscript.program.model import Model


def members_of(name: str, dtype: str, value: Tensor) -> dict[str, tuple[str, Tensor]]:
    """An output as the arrays of an archive."""
    return {name: (dtype, value)}


def sequences_in(arrays: Mapping[str, Tensor], model: Model) -> dict[str, Any]:
    """Arrays as they are: the model takes no sequences."""
    return dict(arrays)


def value_of(nested: Any, dtype: str) -> Tensor:
    """Nested lists as a tensor."""
    return from_nested(nested, dtype)


def texts_of(data: bytes, descr: str, count: int) -> Any:
    """Refuses texts."""
    raise ValueError("it has texts instead of numbers")
