"""Text: arrays of Python strings."""

from __future__ import annotations

import re

import numpy as np

from interchange.ops._shapes import Array, elementwise


@elementwise
def StringConcat(x, y):
    """The texts of x followed by those of y."""
    return np.asarray(np.add(x.astype(object), y.astype(object)), object)


def _each(function, x, dtype):
    """The function of each text."""
    y = np.empty(x.shape, dtype)
    for at in np.ndindex(x.shape):
        y[at] = function(x[at])
    return y


def RegexFullMatch(x, *, pattern=None):
    """Whether the whole text fits the regular expression."""
    try:
        expression = re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from error
    return _each(lambda text: expression.fullmatch(text) is not None, x, bool)


def StringSplit(x, *, delimiter=None, maxsplit=None) -> tuple[Array, Array]:
    """The parts of each text between delimiters (absent or "": white space), padded with ""; and their numbers."""
    parts = _each(lambda text: text.split(delimiter or None, -1 if maxsplit is None else maxsplit), x, object)
    counts = _each(len, parts, np.int64)
    y = np.full((*x.shape, int(counts.max(initial=0))), "", object)
    for at in np.ndindex(x.shape):
        y[(*at, slice(counts[at]))] = parts[at]
    return y, counts


def StringNormalizer(x, *, case_change_action="NONE", is_case_sensitive=0, locale=None, stopwords=None):
    """The texts without those that are stopwords, then in "LOWER" or "UPPER" case; one "" if nothing is left."""
    changes = {"NONE": lambda text: text, "LOWER": lambda text: text.lower(), "UPPER": lambda text: text.upper()}
    if case_change_action not in changes:
        raise ValueError(f"case_change_action is {case_change_action!r}")
    if x.ndim not in (1, 2) or (x.ndim == 2 and len(x) != 1):
        raise ValueError(f"the shape {x.shape} is neither [n] nor [1, n]")
    compared = changes["NONE" if is_case_sensitive else "LOWER"]
    stopped = {compared(word) for word in stopwords or ()}
    kept = [changes[case_change_action](text) for text in x.ravel() if compared(text) not in stopped]
    return np.array(kept or [""], object).reshape((-1,) if x.ndim == 1 else (1, -1))


def TfIdfVectorizer(
    x,
    *,
    max_gram_length,
    max_skip_count,
    min_gram_length,
    mode,
    ngram_counts,
    ngram_indexes,
    pool_int64s=None,
    pool_strings=None,
    weights=None,
):
    """How often each n-gram of the pool is in each row of x, with up to `max_skip_count` entries left out between.

    `mode` "TF" counts, "IDF" gives the weight of those that are there, "TFIDF" count times weight.
    """
    if mode not in ("TF", "IDF", "TFIDF"):
        raise ValueError(f"mode is {mode!r}")
    pool = list(pool_strings if pool_strings is not None else pool_int64s or ())
    places, at = {}, 0
    for length, (start, end) in enumerate(zip(ngram_counts, [*ngram_counts[1:], len(pool)], strict=True), 1):
        for first in range(start, end, length):
            places[tuple(pool[first : first + length])] = at
            at += 1
    rows = x.reshape(1, -1) if x.ndim < 2 else x
    y = np.zeros((len(rows), max(ngram_indexes) + 1), np.float32)
    for count, row in zip(y, rows.tolist(), strict=True):
        for length in range(min_gram_length, max_gram_length + 1):
            for step in range(1, (max_skip_count if length > 1 else 0) + 2):
                for first in range(len(row) - (length - 1) * step):
                    place = places.get(tuple(row[first : first + (length - 1) * step + 1 : step]))
                    if place is not None:
                        count[ngram_indexes[place]] += 1
    scale = np.ones(y.shape[1], np.float32)
    if weights is not None:
        scale[list(ngram_indexes)] = weights
    y = y if mode == "TF" else (y > 0) * scale if mode == "IDF" else y * scale
    return y.astype(np.float32).reshape(y.shape[1:] if x.ndim < 2 else y.shape)
