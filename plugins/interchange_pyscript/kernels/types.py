"""Numbers as small floats and as texts."""

from __future__ import annotations

import math
import struct
from typing import Any

from interchange_pyscript.kernels.small_floats import from_code, narrowed
from interchange_pyscript.kernels.tensor import Tensor


def to_small_float(x: Tensor, kind: str, saturate: int = 1, round_mode: str = "up") -> Tensor:
    """x in a float type of 8 or 4 bits."""
    return Tensor([narrowed(value, kind, saturate, round_mode) for value in x.values], x.shape)


def from_codes(x: Tensor, kind: str) -> Tensor:
    """The numbers that codes of 8 or 4 bits stand for."""
    return Tensor([from_code(int(code), kind) for code in x.values], x.shape)


def to_texts(x: Tensor, kind: str) -> Tensor:
    """Every number of the type `kind` as the shortest text that stands for it."""
    texts: list[Any] = [short_text(value, kind) for value in x.values]
    return Tensor(texts, x.shape)


def short_text(value: Any, kind: str) -> str:
    """A number as text; of a float32 or float16 as many digits as tell it from its neighbours."""
    letter = {"float32": "<f", "float16": "<e"}.get(kind, "<d")
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    same = struct.pack(letter, value)
    return next(
        (text for text in (f"{value:.{n}g}" for n in range(1, 18)) if struct.pack(letter, float(text)) == same),
        str(value),
    )


def from_texts(x: Tensor) -> Tensor:
    """The numbers that texts stand for."""
    values: list[Any] = list(x.values)
    return Tensor([number_in(text) for text in values], x.shape)


def number_in(text: str) -> float:
    """An integer where the text is one, else a float."""
    try:
        return int(text)
    except ValueError:
        return float(text)
