"""Words and integers as numbers: tables, hashes, and what was hashed together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.layer import Fault, Layer, LayerFunction, weights
from interchange_keras.layers.preprocessing import encoded
from interchange_keras.options import array_of, decode
from interchange_keras.precision import INTEGERS

TEXT = "object"  # the dtype of texts in a graph
VOCABULARY = "vocabulary.txt"  # what adapt() has found, in a .keras file
CROSS_KEY = 0xDECAFCAFFE  # the key of tf.sparse.cross_hashed
CROSS_FACTOR = 0xC6A4A7935BD1E995  # of TensorFlow's FingerprintCat64


def tokens_of(layer: Layer, vocabulary: Any, size: int | None, *, is_text: bool) -> list[Any]:
    """The vocabulary, out of the config or the asset beside it; special tokens may stand at its begin.

    Args:
        size: how many there are, as the config says.
    """
    vocabulary = decode(vocabulary)
    if isinstance(vocabulary, str):
        layer.refuse("its vocabulary is in another file, which is not part of the model")
    if vocabulary is None:
        data = layer.asset(VOCABULARY)
        if data is None:
            layer.refuse(
                "its vocabulary is not in the file: what adapt() finds is in .keras files only",
                "save the model as .keras, or give the layer its vocabulary: vocabulary=[...]",
            )
        vocabulary = lines_of(data, size, is_text)
    kind = str if is_text else int
    if not isinstance(vocabulary, list) or not all(type(token) is kind for token in vocabulary):
        layer.reject("its vocabulary is no list of words" if is_text else "its vocabulary is no list of integers")
    return vocabulary


def lines_of(data: bytes, size: int | None, is_text: bool) -> list[Any]:
    """One token a line, without a line end after the last. Where their number is not known, the last is not empty.

    Raises:
        Fault: these are no such tokens.
    """
    try:
        lines: list[Any] = data.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise Fault("IX203", f"{VOCABULARY} is not UTF-8") from None
    while size is None and lines and lines[-1] == "":
        lines.pop()
    if size is not None and len(lines) != size:
        raise Fault("IX301", f"{VOCABULARY} has {len(lines)} lines for {size} words: a word holds a line end")
    try:
        return lines if is_text else [int(line) for line in lines]
    except ValueError:
        raise Fault("IX203", f"{VOCABULARY} holds other things than integers") from None


def looked_up(
    layer: Layer,
    x: str,
    tokens: Sequence[Any],
    *,
    is_text: bool,
    mask_token: Any,
    oov_token: Any,
    num_oov_indices: int = 1,
    output_mode: str = "int",
    invert: bool = False,
    max_tokens: int | None = None,
    pad_to_max_tokens: bool = False,
    idf_weights: Any = None,
    oov_method: str = "floormod",
    salt: Any = None,
) -> str:
    """IndexLookup of Keras: a table with special places for masked and unknown tokens."""
    if not 0 <= num_oov_indices < 1 << 31:
        layer.reject(f"num_oov_indices is {num_oov_indices}")
    is_number = output_mode == "int"
    first_oov = 1 if mask_token is not None and is_number else 0
    start = first_oov + num_oov_indices
    special = [mask_token] * first_oov + [oov_token] * num_oov_indices
    has_special = list(tokens[:start]) == special
    tokens = list(tokens[start:] if has_special else tokens)
    if not tokens and not special:
        layer.reject("its vocabulary is empty")
    if len(set(tokens)) < len(tokens):
        layer.reject("its vocabulary holds a word twice")
    if mask_token is not None and not is_number and layer.version < (2, 6):
        layer.refuse("what this version of Keras did with masked tokens is not certain, but for output_mode 'int'")
    if invert:
        return _inverted(layer, x, tokens, start, mask_token, oov_token, is_text)
    _check_input(layer, x, is_text)
    key = x if is_text else layer.cast(x, "int64")
    places = {token: start + i for i, token in enumerate(tokens)}
    size = start + len(tokens)
    depth = int(max_tokens or 0) if pad_to_max_tokens else size
    unknown = {0: size + 1, 1: first_oov}.get(num_oov_indices, -2)
    if mask_token is not None:
        places[mask_token] = 0 if is_number else size if num_oov_indices == 0 else -1
    kind = "strings" if is_text else "int64s"
    number = layer.add(
        "ai.onnx.ml.LabelEncoder",
        key,
        **{f"keys_{kind}": list(places), "values_int64s": list(places.values()), "default_int64": unknown},
    )
    if num_oov_indices == 0:  # as in Keras, an unknown token is an error: this has no entry for it
        known = np.append(np.arange(size, dtype=np.int64), -1)
        number = layer.add("Gather", layer.constant("known", known), number)
    if num_oov_indices > 1:
        if is_text or oov_method == "farmhash":
            bucket = hashed(layer, key, num_oov_indices, salt)
        else:
            bucket = layer.add("Mod", key, num_oov_indices)
        bucket = layer.add("Add", bucket, first_oov)
        number = layer.add("Where", layer.add("Equal", number, -2), bucket, number)
    if is_number:
        return number
    dtype = layer.compute_dtype if layer.version < (3,) and layer.compute_dtype not in (*INTEGERS, "string") else ""
    if output_mode != "tf_idf":
        return encoded(layer, number, output_mode, depth, dtype or ("int64" if layer.version >= (3,) else "float32"))
    if idf_weights is None:
        idf = layer.array("idf_weights", (depth,)).astype(np.float32)
    else:
        idf = idf_of(idf_weights, len(tokens), start, depth, has_special)
    return layer.add("Mul", encoded(layer, number, "count", depth, "float32"), layer.constant("idf_weights", idf))


def _inverted(
    layer: Layer, x: str, tokens: Sequence[Any], start: int, mask_token: Any, oov_token: Any, is_text: bool
) -> str:
    """Numbers as tokens again."""
    _check_input(layer, x, False)
    if type(oov_token) is not (str if is_text else int):
        layer.reject(f"oov_token is {oov_token!r}")
    words = {start + i: token for i, token in enumerate(tokens)}
    if mask_token is not None:
        words[0] = mask_token
    kind, default = ("strings", "default_string") if is_text else ("int64s", "default_int64")
    return layer.add(
        "ai.onnx.ml.LabelEncoder",
        layer.cast(x, "int64"),
        **{"keys_int64s": list(words), f"values_{kind}": list(words.values()), default: oov_token},
    )


def idf_of(given: Any, count: int, start: int, depth: int, has_special: bool) -> Array:
    """The weights of the categories as the config has them, float32 (depth,); the special tokens get the mean.

    Raises:
        Fault: they do not fit the words.
    """
    idf = np.asarray(decode(given), np.float64).reshape(-1)
    if len(idf) != count + (start if has_special else 0):
        raise Fault("IX203", f"{len(idf)} idf_weights for {count} words")
    front = 0 if has_special else start
    padded = np.pad(np.pad(idf, (front, 0), constant_values=idf.mean()), (0, depth - front - len(idf)))
    result: Array = padded.astype(np.float32)
    return result


def _check_input(layer: Layer, x: str, is_text: bool) -> None:
    dtype = layer.dtype(x)
    if (dtype == TEXT) != is_text or (not is_text and dtype not in INTEGERS):
        layer.refuse(f"its input is {'text' if dtype == TEXT else dtype}")


LOOKUP_WEIGHTS = weights("?idf_weights:output_mode=tf_idf&!idf_weights")


@LOOKUP_WEIGHTS
def string_lookup(
    layer: Layer,
    x: str,
    *,
    vocabulary: Any = None,
    mask_token: str | None = None,
    oov_token: str = "[UNK]",
    num_oov_indices: int = 1,
    output_mode: str = "int",
    invert: bool = False,
    max_tokens: int | None = None,
    pad_to_max_tokens: bool = False,
    idf_weights: Any = None,
    oov_method: str = "floormod",
    salt: Any = None,
    encoding: str = "utf-8",
    vocabulary_size: int | None = None,
) -> str:
    """The place of each text in the vocabulary. Several unknown ones are told apart by their hash."""
    if encoding.lower().replace("-", "") != "utf8":
        layer.refuse(f"encoding is {encoding!r}")
    return looked_up(
        layer,
        x,
        tokens_of(layer, vocabulary, vocabulary_size, is_text=True),
        is_text=True,
        mask_token=mask_token,
        oov_token=oov_token,
        num_oov_indices=num_oov_indices,
        output_mode=output_mode,
        invert=invert,
        max_tokens=max_tokens,
        pad_to_max_tokens=pad_to_max_tokens,
        idf_weights=idf_weights,
        salt=salt,
    )


@LOOKUP_WEIGHTS
def integer_lookup(
    layer: Layer,
    x: str,
    *,
    vocabulary: Any = None,
    mask_token: Any = None,
    oov_token: int = -1,
    num_oov_indices: int = 1,
    output_mode: str = "int",
    invert: bool = False,
    max_tokens: int | None = None,
    pad_to_max_tokens: bool = False,
    idf_weights: Any = None,
    oov_method: str = "floormod",
    salt: Any = None,
    vocabulary_dtype: str = "int64",
    vocabulary_size: int | None = None,
) -> str:
    """The place of each integer in the vocabulary."""
    if vocabulary_dtype != "int64":
        layer.refuse(f"vocabulary_dtype is {vocabulary_dtype!r}")
    return looked_up(
        layer,
        x,
        tokens_of(layer, vocabulary, vocabulary_size, is_text=False),
        is_text=False,
        mask_token=mask_token,
        oov_token=oov_token,
        num_oov_indices=num_oov_indices,
        output_mode=output_mode,
        invert=invert,
        max_tokens=max_tokens,
        pad_to_max_tokens=pad_to_max_tokens,
        idf_weights=idf_weights,
        oov_method=oov_method,
        salt=salt,
    )


# --- hashes ----------------------------------------------------------------------------------------------------------


def hashed(layer: Layer, x: str, buckets: int, salt: Any) -> str:
    """The bucket of each text or integer: FarmHash, or SipHash with a salt of one or two integers."""
    if not 0 < buckets < 1 << 63:
        layer.reject(f"{buckets} bins")
    key = _key(layer, salt)
    if buckets == 1:  # nothing has to be hashed, which some formats cannot
        return layer.add("ConstantOfShape", layer.add("Shape", x), value=0, dtype="int64")
    return _bucket(layer, _fingerprint(layer, x, key), buckets)


def _fingerprint(layer: Layer, x: str, key: Sequence[int] | None = None) -> str:
    if key is None:
        return layer.add("interchange.Fingerprint64", x)
    return layer.add("interchange.SipHash", x, key=key)


def _key(layer: Layer, salt: Any) -> Sequence[int] | None:
    if salt is None:
        return None
    key = [salt, salt] if type(salt) is int else decode(salt)
    if not isinstance(key, list) or len(key) != 2 or not all(type(part) is int for part in key):
        layer.reject(f"salt is {salt!r}")
    if not all(-(1 << 63) <= part < 1 << 63 for part in key):
        layer.reject(f"salt is {salt!r}, which is too large")
    return key


def _bucket(layer: Layer, fingerprint: str, buckets: int) -> str:
    """A fingerprint, uint64, modulo the number of buckets."""
    count = layer.constant("buckets", np.asarray(buckets, np.uint64))
    return layer.cast(layer.add("Mod", fingerprint, count), "int64")


def hashing(
    layer: Layer,
    x: str,
    *,
    num_bins: int,
    mask_value: Any = None,
    salt: Any = None,
    output_mode: str = "int",
) -> str:
    """The bin of each text or integer; with `mask_value` the first bin is kept for that."""
    if output_mode == "one_hot" and layer.rank(x) > 1 and layer.shape(x)[-1] == 1:
        x = layer.add("Squeeze", x, [layer.rank(x) - 1])
    bins = num_bins - 1 if mask_value is not None and num_bins > 1 else num_bins
    value = layer.cast(x, "int64") if layer.is_float(x) else x  # Keras 3 alone takes floats
    if layer.dtype(value) not in (TEXT, *INTEGERS):
        layer.refuse(f"its input is {layer.dtype(x)}")
    number = hashed(layer, value, bins, salt if eras.salts_hashes(layer.version, salt) else None)
    if bins < num_bins:
        number = layer.add("Where", _is_masked(layer, x, mask_value), 0, layer.add("Add", number, 1))
    dtype = layer.compute_dtype
    if output_mode == "int":
        dtype = eras.dtype_of_hashes(layer.version, dtype)
    return encoded(layer, number, output_mode, num_bins, dtype)


def _is_masked(layer: Layer, x: str, mask_value: Any) -> str:
    is_text = layer.dtype(x) == TEXT
    if isinstance(mask_value, str) != is_text:
        layer.reject(f"mask_value is {mask_value!r} for an input of {layer.dtype(x)}")
    if not is_text:
        return layer.add("Equal", x, layer.constant("mask_value", array_of(mask_value, layer.dtype(x))))
    found = layer.add("ai.onnx.ml.LabelEncoder", x, keys_strings=[mask_value], values_int64s=[1], default_int64=0)
    return layer.cast(found, "bool")


def hashed_crossing(layer: Layer, *xs: str, num_bins: int, output_mode: str = "int") -> str:
    """The bin of what each row of all inputs holds together; integers enter as they are, texts as fingerprints."""
    if not 0 < num_bins < 1 << 31:
        layer.reject(f"{num_bins} bins")
    if output_mode not in ("int", "one_hot"):
        layer.reject(f"output_mode is {output_mode!r}")
    total: str | None = None
    for x in xs:
        if layer.dtype(x) not in (TEXT, *INTEGERS):
            layer.refuse(f"one of its inputs is {layer.dtype(x)}")
        is_text = layer.dtype(x) == TEXT
        word = _fingerprint(layer, x) if is_text else layer.cast(layer.cast(x, "int64"), "uint64")
        total = _joined(layer, total or layer.constant("key", np.asarray(CROSS_KEY, np.uint64)), word)
    dtype = layer.compute_dtype
    if output_mode == "int" and dtype not in INTEGERS:
        dtype = "int64"
    return encoded(layer, _bucket(layer, str(total), num_bins), output_mode, num_bins, dtype)


def _joined(layer: Layer, first: str, second: str) -> str:
    """Two fingerprints as one: FingerprintCat64 of TensorFlow (core/platform/fingerprint.h)."""
    factor = layer.constant("factor", np.asarray(CROSS_FACTOR, np.uint64))
    mixed = layer.add("Mul", _mixed(layer, layer.add("Mul", second, factor)), factor)
    y = layer.add("BitwiseXor", layer.add("BitwiseXor", first, factor), mixed)
    y = layer.add("Mul", _mixed(layer, layer.add("Mul", y, factor)), factor)
    return _mixed(layer, y)


def _mixed(layer: Layer, x: str) -> str:
    shift = layer.constant("shift", np.asarray(47, np.uint64))
    return layer.add("BitwiseXor", x, layer.add("BitShift", x, shift, direction="RIGHT"))


LAYERS: Mapping[str, LayerFunction] = {
    "HashedCrossing": hashed_crossing,
    "Hashing": hashing,
    "IntegerLookup": integer_lookup,
    "StringLookup": string_lookup,
}
