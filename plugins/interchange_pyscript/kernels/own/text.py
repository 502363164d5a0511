"""Texts as TensorFlow treats them: letters, spaces and punctuation are those of ASCII, whatever the language."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor, integers
from interchange_pyscript.kernels.text import texts


def each_text(x: Tensor, function: Callable[[Any], Any]) -> Tensor:
    """The function of each text."""
    return Tensor([function(text) for text in texts(x)], x.shape)


def padded_texts(rows: Sequence[Sequence[Any]], shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Lists of texts as a tensor, with "" after the shorter ones; and how long each is."""
    width = max(map(len, rows), default=0)
    values = [text for row in rows for text in [*row, *[""] * (width - len(row))]]
    return Tensor(values, (*shape, width)), Tensor(list(map(len, rows)), shape)


def AsciiLower(x: Tensor) -> Tensor:
    """Each text with A to Z in lower case; all other letters stay, as in `tf.strings.lower`."""
    table = {65 + i: 97 + i for i in range(26)}
    return each_text(x, lambda text: text.translate(table))


def RemoveCharacters(x: Tensor, *, characters: str) -> Tensor:
    """Each text without these characters."""
    table = dict.fromkeys(map(ord, characters))
    return each_text(x, lambda text: text.translate(table))


def Tokenize(x: Tensor, *, unit: str = "word") -> tuple[Tensor, Tensor]:
    """The parts of each text in a new last dimension, padded with ""; and their numbers.

    `unit` "word": what is between spaces, tabs, line and page feeds, as `tf.strings.split`; "character": each code
    point, as `tf.strings.unicode_split`.
    """
    if unit not in ("word", "character"):
        raise ValueError(f"unit is {unit!r}")
    if unit == "character":
        return padded_texts([list(text) for text in texts(x)], x.shape)
    rows = [[part for part in re.split("[ \\t\\n\\v\\f\\r]+", text) if part] for text in texts(x)]
    return padded_texts(rows, x.shape)


def NGrams(tokens: Tensor, counts: Tensor, *, lengths: Sequence[int], separator: str = " ") -> tuple[Tensor, Tensor]:
    """Neighbouring tokens of each row joined, padded with ""; and their numbers.

    `counts` says how many tokens a row has. All n-grams of the first of `lengths` come first, then those of the next,
    as in `tf.strings.ngrams`.
    """
    if min(lengths) < 1:
        raise ValueError(f"lengths are {lengths}")
    width, words, rows = tokens.shape[-1], texts(tokens), []
    for place, count in enumerate(integers(counts)):
        row = words[place * width : (place + 1) * width]
        starts = [(n, i) for n in lengths for i in range(count - n + 1)]
        rows.append([separator.join(row[i : i + n]) for n, i in starts])
    return padded_texts(rows, counts.shape)
