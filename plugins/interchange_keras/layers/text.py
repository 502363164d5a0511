"""TextVectorization: texts are made plain, cut into words, and looked up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interchange_keras.layer import Layer, LayerFunction
from interchange_keras.layers.lookup import LOOKUP_WEIGHTS, TEXT, looked_up, tokens_of
from interchange_keras.options import decode

PUNCTUATION = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"  # the characters that Keras takes out
OF_CODE = "is a function of its author's, which is never run"


@LOOKUP_WEIGHTS
def text_vectorization(
    layer: Layer,
    x: str,
    *,
    vocabulary: Any = None,
    standardize: Any = "lower_and_strip_punctuation",
    split: Any = "whitespace",
    ngrams: Any = None,
    output_mode: str = "int",
    output_sequence_length: int | None = None,
    max_tokens: int | None = None,
    pad_to_max_tokens: bool = False,
    idf_weights: Any = None,
    encoding: str = "utf-8",
    vocabulary_size: int | None = None,
) -> str:
    """Numbers of words, padded with 0 at the end; or a vector for each text.

    Case and white space are those of ASCII. In the vocabulary 0 is nothing and 1 an unknown word; the vectors have no
    place for nothing.
    """
    if encoding.lower().replace("-", "") != "utf8":
        layer.refuse(f"encoding is {encoding!r}")
    if layer.dtype(x) != TEXT:
        layer.refuse(f"its input is {layer.dtype(x)}")
    words = _words(layer, _plain(layer, x, standardize), split, ngrams)
    number = looked_up(
        layer,
        words,
        tokens_of(layer, vocabulary, vocabulary_size, is_text=True),
        is_text=True,
        mask_token="",
        oov_token="[UNK]",
        output_mode=output_mode,
        max_tokens=max_tokens,
        pad_to_max_tokens=pad_to_max_tokens,
        idf_weights=idf_weights,
    )
    if output_mode != "int" or output_sequence_length is None:
        return number
    layer.check_size(output_sequence_length)
    axis = layer.rank(number) - 1
    padded = layer.add("Pad", number, [0, output_sequence_length], 0, [axis])
    return layer.add("Slice", padded, [0], [output_sequence_length], [axis])


def _plain(layer: Layer, x: str, standardize: Any) -> str:
    if standardize not in ("lower_and_strip_punctuation", "lower", "strip_punctuation", None):
        layer.refuse(f"standardize {OF_CODE}")
    if standardize and "lower" in standardize:
        x = layer.add("interchange.AsciiLower", x)
    if standardize and "punctuation" in standardize:
        x = layer.add("interchange.RemoveCharacters", x, characters=PUNCTUATION)
    return x


def _words(layer: Layer, x: str, split: Any, ngrams: Any) -> str:
    """The words of each text in the last dimension, padded with ""."""
    rank = layer.rank(x)
    lengths = _lengths(layer, ngrams)
    if split is None:
        if not lengths:
            return x
        counts = layer.add("Expand", layer.add("Shape", x, start=-1), layer.add("Shape", x, end=-1))
        return layer.add_many("interchange.NGrams", x, counts, outputs=2, lengths=lengths)[0]
    if split not in ("whitespace", "character"):
        layer.refuse(f"split {OF_CODE}")
    if rank > 1 and layer.shape(x)[-1] != 1:
        layer.reject("it splits the texts of an input with several columns")
    flat = layer.add("Squeeze", x, [rank - 1]) if rank > 1 else x
    unit = "word" if split == "whitespace" else "character"
    words, counts = layer.add_many("interchange.Tokenize", flat, outputs=2, unit=unit)
    if not lengths:
        return words
    return layer.add_many("interchange.NGrams", words, counts, outputs=2, lengths=lengths)[0]


def _lengths(layer: Layer, ngrams: Any) -> Sequence[int]:
    ngrams = decode(ngrams)
    lengths = list(range(1, ngrams + 1)) if type(ngrams) is int else ngrams or []
    if not isinstance(lengths, list) or not all(type(n) is int and 0 < n < 1000 for n in lengths):
        layer.reject(f"ngrams are {str(ngrams)[:80]}")
    return lengths


LAYERS: Mapping[str, LayerFunction] = {"TextVectorization": text_vectorization}
