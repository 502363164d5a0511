"""What is shorter for a model whose inputs are floats."""

from __future__ import annotations

from collections.abc import Sequence

from interchange_pyscript.program.model import typed_floats


def typed(values: Sequence[float], dtype: str, name: str) -> list[float]:
    """The numbers in the model's type; integers become floats."""
    return typed_floats(values, dtype, name)
