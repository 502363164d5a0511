"""Text: tensors of strings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from interchange_pyscript.kernels.tensor import Tensor, lines, pairwise


def texts(x: Tensor) -> list[Any]:
    """The elements of a tensor of texts."""
    return list(x.values)


def StringConcat(x: Tensor, y: Tensor) -> Tensor:
    """The texts of x followed by those of y."""
    return pairwise(lambda p, q: p + q, x, y)


def RegexFullMatch(x: Tensor, *, pattern: str | None = None) -> Tensor:
    """Whether the whole text fits the regular expression."""
    try:
        expression = re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from error
    return Tensor([expression.fullmatch(text) is not None for text in texts(x)], x.shape)


def StringSplit(x: Tensor, *, delimiter: str | None = None, maxsplit: int | None = None) -> tuple[Tensor, Tensor]:
    """The parts of each text between delimiters (absent or "": white space), padded with ""; and their numbers."""
    parts = [text.split(delimiter or None, -1 if maxsplit is None else maxsplit) for text in texts(x)]
    counts = list(map(len, parts))
    most = max(counts, default=0)
    values = [part for row in parts for part in [*row, *[""] * (most - len(row))]]
    return Tensor(values, (*x.shape, most)), Tensor(counts, x.shape)


def StringNormalizer(
    x: Tensor,
    *,
    case_change_action: str = "NONE",
    is_case_sensitive: int = 0,
    locale: str | None = None,
    stopwords: Sequence[str] | None = None,
) -> Tensor:
    """The texts without those that are stopwords, then in "LOWER" or "UPPER" case; one "" if nothing is left."""
    changes: dict[str, Callable[[str], str]] = {"NONE": str, "LOWER": str.lower, "UPPER": str.upper}
    if len(x.shape) not in (1, 2) or (len(x.shape) == 2 and x.shape[0] != 1):
        raise ValueError(f"the shape {x.shape} is neither [n] nor [1, n]")
    compared = changes["NONE" if is_case_sensitive else "LOWER"]
    stopped = {compared(word) for word in stopwords or ()}
    kept: list[Any] = [changes[case_change_action](text) for text in texts(x) if compared(text) not in stopped]
    kept = kept or [""]
    return Tensor(kept, (len(kept),) if len(x.shape) == 1 else (1, len(kept)))


def TfIdfVectorizer(
    x: Tensor,
    *,
    max_gram_length: int,
    max_skip_count: int,
    min_gram_length: int,
    mode: str,
    ngram_counts: Sequence[int],
    ngram_indexes: Sequence[int],
    pool_int64s: Sequence[int] | None = None,
    pool_strings: Sequence[str] | None = None,
    weights: Sequence[float] | None = None,
) -> Tensor:
    """How often each n-gram of the pool is in each row of x, with up to `max_skip_count` entries left out between.

    `mode` "TF" counts, "IDF" gives the weight of those that are there, "TFIDF" count times weight.
    """
    pool: list[Any] = list(pool_strings if pool_strings is not None else pool_int64s or ())
    places: dict[tuple[Any, ...], int] = {}
    for length, (start, end) in enumerate(zip(ngram_counts, [*ngram_counts[1:], len(pool)]), 1):
        for first in range(start, end, length):
            places[tuple(pool[first : first + length])] = len(places)
    size, values = max(ngram_indexes) + 1, []
    scale = [1.0] * size
    for index, factor in zip(ngram_indexes, weights or ()):
        scale[index] = factor
    for row in lines(x, [len(x.shape) - 1]):
        counts = [0.0] * size
        for length in range(min_gram_length, max_gram_length + 1):
            for step in range(1, (max_skip_count if length > 1 else 0) + 2):
                for first in range(len(row) - (length - 1) * step):
                    place = places.get(tuple(row[first : first + (length - 1) * step + 1 : step]))
                    if place is not None:
                        counts[ngram_indexes[place]] += 1
        known = counts if mode != "IDF" else [min(count, 1.0) for count in counts]
        values += known if mode == "TF" else [count * factor for count, factor in zip(known, scale)]
    return Tensor(values, (*x.shape[:-1], size))
