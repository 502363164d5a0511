"""Texts as TensorFlow treats them: letters, spaces and punctuation are those of ASCII, whatever the language."""

from __future__ import annotations

import re

import numpy as np

from interchange.ops._shapes import Array

_WHITE_SPACE = "[ \\t\\n\\v\\f\\r]+"


def _mapped(x, function):
    """The function of each text."""
    return np.array([function(text) for text in x.ravel().tolist()], object).reshape(x.shape)


def _padded(rows, shape) -> tuple[Array, Array]:
    """Lists of texts as an array, with "" after the shorter ones; and how long each is."""
    width = max(map(len, rows), default=0)
    y = np.array([[*row, *[""] * (width - len(row))] for row in rows], object).reshape((*shape, width))
    return y, np.array([len(row) for row in rows], np.int64).reshape(shape)


def AsciiLower(x):
    """Each text with A … Z in lower case; all other letters stay, as in `tf.strings.lower`."""
    table = {65 + i: 97 + i for i in range(26)}
    return _mapped(x, lambda text: text.translate(table))


def RemoveCharacters(x, *, characters):
    """Each text without these characters."""
    table = dict.fromkeys(map(ord, characters))
    return _mapped(x, lambda text: text.translate(table))


def Tokenize(x, *, unit="word") -> tuple[Array, Array]:
    """The parts of each text in a new last dimension, padded with ""; and their numbers.

    `unit` "word": what is between spaces, tabs, line and page feeds, as `tf.strings.split`; "character": each code
    point, as `tf.strings.unicode_split`.
    """
    if unit not in ("word", "character"):
        raise ValueError(f"unit is {unit!r}")
    if unit == "character":
        rows = [list(text) for text in x.ravel().tolist()]
    else:
        rows = [[part for part in re.split(_WHITE_SPACE, text) if part] for text in x.ravel().tolist()]
    return _padded(rows, x.shape)


def NGrams(tokens, counts, *, lengths, separator=" ") -> tuple[Array, Array]:
    """Neighbouring tokens of each row joined, padded with ""; and their numbers.

    `counts` says how many tokens a row has. All n-grams of the first of `lengths` come first, then those of the next,
    as in `tf.strings.ngrams`.
    """
    if min(lengths) < 1:
        raise ValueError(f"lengths are {lengths}")
    rows = []
    for row, count in zip(tokens.reshape(counts.size, tokens.shape[-1]).tolist(), counts.ravel().tolist(), strict=True):
        starts = ((n, i) for n in lengths for i in range(count - n + 1))
        rows.append([separator.join(row[i : i + n]) for n, i in starts])
    return _padded(rows, counts.shape)
