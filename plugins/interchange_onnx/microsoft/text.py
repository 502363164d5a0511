"""Operators on texts."""

from __future__ import annotations

from collections.abc import Sequence

from interchange_onnx.microsoft.expansion import Expansion


def Tokenizer(
    at: Expansion,
    x: str,
    *,
    mark: int = 0,
    mincharnum: int = 1,
    pad_value: str = "",
    separators: Sequence[str] = (),
    tokenexp: str = "",
) -> str:
    """The characters of each text, padded; it could also split at separators, or by a regular expression."""
    if tuple(separators) != ("",) or tokenexp:
        raise at.unsupported("it does not take texts apart into characters")
    if mark or mincharnum != 1 or pad_value:
        raise at.unsupported(f"mark={mark}, mincharnum={mincharnum}, pad_value={pad_value!r}")
    return at.add("interchange.Tokenize", x, unit="character")
