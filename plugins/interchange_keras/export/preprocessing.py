"""Lookups, hashes, bins and spectrograms of any era as those of Keras 3.

Vocabularies are written into the configs, wherever they were: what Keras 3 makes of a file of words, one a line, is
another vocabulary where a word holds a line end of another script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.export.made import CannotExport, Made, plain_policy
from interchange_keras.layer import Fault
from interchange_keras.layers.lookup import VOCABULARY, idf_of, lines_of
from interchange_keras.layers.preprocessing import bounds_of_summary
from interchange_keras.precision import FLOATS, INTEGERS

VECTORS = ("one_hot", "multi_hot", "count")


def finish(
    made: Made, arrays: Mapping[str, Array], assets: Mapping[str, bytes], version: eras.Version, compute: str
) -> None:
    """What Keras 3 wants otherwise in a layer that prepares, in place.

    Args:
        made: the layer, with all options that both know, as they are in the file.
        arrays, assets: its weights and files, by name.
        compute: the dtype in which it computes.

    Raises:
        CannotExport: Keras 3 would compute something else, or not take it; in words.
    """
    if "Lookup" in made.class_name or made.class_name == "TextVectorization":
        _lookup(made, arrays, assets, version, compute)
    elif made.class_name in FINISHES:
        FINISHES[made.class_name](made, arrays, version, compute)


def _as(dtype: str) -> tuple[str, dict[str, Any]]:
    """The layer that gives numbers another dtype."""
    return "Rescaling", {"scale": 1.0, "offset": 0.0, "dtype": plain_policy(dtype)}


# --- lookups ---------------------------------------------------------------------------------------------------------


def _lookup(
    made: Made, arrays: Mapping[str, Array], assets: Mapping[str, bytes], version: eras.Version, compute: str
) -> None:
    config = made.config
    if made.class_name == "TextVectorization":  # which has these, but no options for them
        special: dict[str, Any] = {"mask_token": "", "oov_token": "[UNK]"}
        config.setdefault("ngrams", None)
        config.setdefault("split", "whitespace")
        config.setdefault("standardize", "lower_and_strip_punctuation")
    else:
        special = {"mask_token": None, "oov_token": "[UNK]" if made.class_name == "StringLookup" else -1}
    options = {**special, "num_oov_indices": 1, "output_mode": "int", **config}
    mode = options["output_mode"]
    tokens = _tokens(made, assets)
    front = [options["mask_token"]] * (mode == "int" and options["mask_token"] is not None)
    front += [options["oov_token"]] * options["num_oov_indices"]
    has_front = tokens[: len(front)] == front
    words = tokens[len(front) :] if has_front else tokens
    _check_words(tokens, words, options, len(front))
    config["vocabulary"] = tokens
    config.pop("idf_weights", None)
    if mode == "tf_idf":
        size = len(front) + len(words)
        depth = int(options["max_tokens"]) if options.get("pad_to_max_tokens") else size
        given = options.get("idf_weights")
        idf = arrays["idf_weights"] if given is None else idf_of(given, len(words), len(front), depth, has_front)
        made.named["vars/idf_weights"] = idf.astype(np.float32)
        if made.class_name == "TextVectorization":  # the lookup that it holds reads them for itself, too
            made.named["_lookup_layer/vars/idf_weights"] = idf.astype(np.float32)
        config["idf_weights"] = idf[0 if has_front else len(front) : size].tolist()
    config["dtype"] = plain_policy("float32")  # which these do not use
    if version < (3,) and mode in VECTORS:  # integers in Keras 3
        made.after = [_as(compute if compute in FLOATS else "float32")]


def _tokens(made: Made, assets: Mapping[str, bytes]) -> list[Any]:
    """The vocabulary, which the importer has read already."""
    size = made.config.pop("vocabulary_size", None)
    vocabulary = made.config.get("vocabulary")
    if vocabulary is not None:
        return list(vocabulary)
    try:
        return lines_of(assets[VOCABULARY], size, made.class_name != "IntegerLookup")
    except (KeyError, Fault) as error:
        raise CannotExport("its vocabulary is not in the file") from error


def _check_words(tokens: list[Any], words: list[Any], options: Mapping[str, Any], front: int) -> None:
    """Keras 3 opens no file with these."""
    if not tokens:
        raise CannotExport("its vocabulary is empty")
    if options["mask_token"] is not None and options["mask_token"] in words:
        raise CannotExport(f"the mask token {options['mask_token']!r} is one of its words")
    if options.get("invert") and options["oov_token"] in words:
        raise CannotExport(f"the token for what is unknown, {options['oov_token']!r}, is one of its words")
    if options.get("max_tokens") is not None and front + len(words) > options["max_tokens"]:
        raise CannotExport(f"it has {front + len(words)} words, more than max_tokens = {options['max_tokens']}")
    if any(isinstance(word, str) and word.endswith("\0") for word in tokens):
        raise CannotExport("one of its words ends with a null character, which Keras 3 drops")


# --- hashes, bins, categories, spectra -------------------------------------------------------------------------------


def _hashing(made: Made, _: Mapping[str, Array], version: eras.Version, compute: str) -> None:
    if not eras.salts_hashes(version, made.config.get("salt")):
        made.config["salt"] = None
    if made.config.get("output_mode", "int") == "int":
        compute = eras.dtype_of_hashes(version, compute)
        if compute not in ("int32", "int64"):
            raise CannotExport(f"its dtype is {compute}, for which Keras 3 takes int32 or int64 only")
        made.config["dtype"] = plain_policy(compute)


def _hashed_crossing(made: Made, _: Mapping[str, Array], version: eras.Version, compute: str) -> None:
    is_number = made.config.get("output_mode", "int") == "int"
    made.config["dtype"] = "int64" if is_number and compute not in INTEGERS else compute


def _discretization(made: Made, arrays: Mapping[str, Array], version: eras.Version, compute: str) -> None:
    bins = made.config.pop("num_bins", None)
    bounds = made.config.get("bin_boundaries")
    if bounds is None:
        bounds = bounds_of_summary(arrays["summary"], bins)
    bounds = np.asarray(bounds, np.float32).reshape(-1)
    if not len(bounds):
        raise CannotExport("it has one bin only")
    if np.isposinf(bounds[-1]) and (2, 4) <= version < (2, 5):
        raise CannotExport("it excludes the left boundaries, which Keras 3 includes")
    made.config["bin_boundaries"] = bounds.tolist()
    if made.config.get("output_mode", "int") != "int":
        _check_one_hot(made, version)
        return
    made.config["dtype"] = plain_policy("float32")
    if (dtype := eras.dtype_of_bins(version, compute)) != "int32":  # which Keras 3 always gives
        made.after = [_as(dtype)]


def _category_encoding(made: Made, _: Mapping[str, Array], version: eras.Version, compute: str) -> None:
    _check_one_hot(made, version)


def _check_one_hot(made: Made, version: eras.Version) -> None:
    if made.config.get("output_mode") == "one_hot" and eras.keeps_last_of_one(version):
        raise CannotExport("its vectors keep a last dimension of 1, which Keras 3 drops since 3.4")


def _stft(made: Made, _: Mapping[str, Array], version: eras.Version, compute: str) -> None:
    if made.config.get("data_format") == "channels_first":
        raise CannotExport("TensorFlow computes no convolution with channels first on a CPU")


def _random_crop(made: Made, _: Mapping[str, Array], version: eras.Version, compute: str) -> None:
    if version < (3, 8):
        raise CannotExport("it crops and resizes at inference, which Keras 3 does no more since 3.8")


FINISHES: Mapping[str, Callable[[Made, Mapping[str, Array], eras.Version, str], None]] = {
    "CategoryEncoding": _category_encoding,
    "Discretization": _discretization,
    "HashedCrossing": _hashed_crossing,
    "Hashing": _hashing,
    "RandomCrop": _random_crop,
    "STFTSpectrogram": _stft,
}
