"""The table of preprocessing layers: for each row its inputs, and how Keras builds what is between them and the output.

Texts are as bad as they come: other scripts, letters of which Python's `lower` changes the length, every white space,
punctuation within words, nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """One model: `build(K, *tensors)` for the Keras of each era; `adapted` ones lose their vocabulary in .h5 files."""

    name: str
    inputs: tuple[np.ndarray, ...]
    build: Callable[..., Any]
    eras: str = "23"
    adapted: bool = False
    tolerance: float = 0.0


ROWS: list[Row] = []


def row(name: str, inputs: Any, build: Callable[..., Any], eras: str = "23", **more: Any) -> None:
    arrays = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    assert name not in {known.name for known in ROWS}, name
    ROWS.append(Row(name, arrays, build, eras, **more))


# --- numbers ---------------------------------------------------------------------------------------------------------

NUMBERS = np.array([[-2.0, 0.0, 0.5], [0.5000001, 3.0, 99.0]], np.float32)
TOKENS = np.array([[0, 3, 3], [1, 0, 4]], np.int64)
WHOLE = np.array([[5, 7, -1], [0, 9, 5], [-(2**63), 2**63 - 1, 1234567890123]], np.int64)
SMALL = np.array([[5, 7, -1], [0, 9, 5], [2**31 - 1, -(2**31), 12]], np.int32)
CUBE = np.arange(24, dtype=np.int64).reshape(2, 3, 4) % 7

for _mode in ("int", "one_hot", "multi_hot", "count"):
    row(
        f"discretization_{_mode}",
        NUMBERS,
        lambda K, x, m=_mode: K.layers.Discretization([0.0, 0.5, 3.0], output_mode=m)(x),
    )
    row(f"hashing_{_mode}", WHOLE, lambda K, x, m=_mode: K.layers.Hashing(7, output_mode=m)(x))
    if _mode != "int":
        row(f"category_encoding_{_mode}", TOKENS, lambda K, x, m=_mode: K.layers.CategoryEncoding(5, output_mode=m)(x))
        row(
            f"category_encoding_{_mode}_of_rank_1",
            TOKENS[0],
            lambda K, x, m=_mode: K.layers.CategoryEncoding(5, output_mode=m)(x),
        )
        row(
            f"category_encoding_{_mode}_of_rank_3",
            CUBE,
            lambda K, x, m=_mode: K.layers.CategoryEncoding(7, output_mode=m)(x),
            eras="3",
        )
row(
    "discretization_one_column",
    NUMBERS[:, :1],
    lambda K, x: K.layers.Discretization([0.0, 0.5], output_mode="one_hot")(x),
)
row("discretization_integers", WHOLE, lambda K, x: K.layers.Discretization([-1, 0, 7])(x), eras="3")


def _adapted(layer: Any, data: Any) -> Any:
    layer.adapt(data)
    return layer


row("discretization_adapted", NUMBERS, lambda K, x: _adapted(K.layers.Discretization(num_bins=4), NUMBERS)(x))
row(
    "category_encoding_one_column",
    TOKENS[:, :1],
    lambda K, x: K.layers.CategoryEncoding(5, output_mode="one_hot")(x),
)
row(
    "category_encoding_weights",
    (TOKENS, NUMBERS),
    lambda K, x, w: K.layers.CategoryEncoding(5, output_mode="count")(x, count_weights=w),
)
row("normalization_adapted", NUMBERS, lambda K, x: _adapted(K.layers.Normalization(), NUMBERS)(x), tolerance=1e-6)
row(
    "normalization_scalar",
    NUMBERS,
    lambda K, x: _adapted(K.layers.Normalization(axis=None), NUMBERS)(x),
    tolerance=1e-6,
)
row(
    "normalization_axes",
    NUMBERS.reshape(2, 1, 3).repeat(4, 1),
    lambda K, x: _adapted(K.layers.Normalization(axis=(1, 2)), NUMBERS.reshape(2, 1, 3).repeat(4, 1))(x),
    tolerance=1e-6,
)
row(
    "normalization_invert",
    NUMBERS,
    lambda K, x: _adapted(K.layers.Normalization(invert=True), NUMBERS)(x),
    tolerance=1e-5,
)
row(
    "normalization_given",
    NUMBERS,
    lambda K, x: K.layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 0.5, 0.0])(x),
)
row("rescaling_list", NUMBERS, lambda K, x: K.layers.Rescaling([2.0, 0.5, 0.1], offset=[1.0, 2.0, 3.0])(x))

# --- texts -----------------------------------------------------------------------------------------------------------

WORDS = np.array(
    [
        ["earth", "wind", "", "[UNK]"],
        ["Fire", "fire", "日本", "é"],
        ["e\u0301", "fire ", "\u0130stanbul", "a" * 70],
    ]
)
VOCABULARY = ["fire", "earth", "日本", "é", "wind"]
SENTENCES = np.array(
    [
        ["The quick, brown FOX; jumps!"],
        [""],
        ["   \t\n "],
        ["fox\tfox\nquick\x0bthe\x0cbrown\rdog"],
        ["don't stop-me 'now'... \\o/ [x] {y} ^_^ ~`|"],
        ["ÀÉ É fox Straße STRASSE İstanbul ΣΊΣΥΦΟΣ ΣΑΣ"],
        ["a\xa0b fox\u2003the\u3000x\x85y\x1cz"],
        ["日本 語 fox 👍🏽 e\u0301 👨‍👩‍👧"],
        ["the the the the the the the the the fox fox the"],
    ]
)
CORPUS = [
    "the quick brown fox",
    "the fox dont stopme",
    "É 日本 fox straße",
    "a b x y z the",
    "the quick",
    "brown fox the",
]


def _lookup(K: Any, **options: Any) -> Any:
    return K.layers.StringLookup(vocabulary=VOCABULARY, **options)


row("hashing_text", WORDS, lambda K, x: K.layers.Hashing(13)(x))
row("hashing_text_one_bin", WORDS, lambda K, x: K.layers.Hashing(1, mask_value="")(x))
row(
    "hashing_long_text",
    np.array([["x" * n + "é" * (n // 3)] for n in range(0, 270, 7)]),
    lambda K, x: K.layers.Hashing(2**30)(x),
)
row("hashing_text_mask", WORDS, lambda K, x: K.layers.Hashing(13, mask_value="")(x))
row("hashing_text_salt", WORDS, lambda K, x: K.layers.Hashing(13, salt=1337)(x))
row("hashing_text_salts", WORDS, lambda K, x: K.layers.Hashing(13, salt=[7, 2**40], mask_value="é")(x))
row("hashing_mask", WHOLE, lambda K, x: K.layers.Hashing(11, mask_value=5)(x))
row("hashing_salt", WHOLE, lambda K, x: K.layers.Hashing(11, salt=133, mask_value=-1)(x))
row("hashing_int32", SMALL, lambda K, x: K.layers.Hashing(2**30)(x))
row(
    "hashing_many_integers",
    np.array([[s * 10**n + n] for n in range(19) for s in (1, -1)]),
    lambda K, x: K.layers.Hashing(2**30)(x),
)
row(
    "hashing_salted_integers",
    np.array([[s * 10**n + n] for n in range(19) for s in (1, -1)]),
    lambda K, x: K.layers.Hashing(2**30, salt=9)(x),
)
row("hashing_float", NUMBERS, lambda K, x: K.layers.Hashing(11)(x), eras="3")
row("hashing_int32_out", WORDS, lambda K, x: K.layers.Hashing(13, dtype="int32")(x))
row("hashing_one_column", WORDS[:, :1], lambda K, x: K.layers.Hashing(5, output_mode="one_hot")(x))
row("hashing_vector", WORDS[:, 0], lambda K, x: K.layers.Hashing(5)(x))
for _mode in ("int", "one_hot"):
    row(
        f"crossing_{_mode}",
        (WORDS[:, :1], WHOLE[:, :1]),
        lambda K, x, y, m=_mode: K.layers.HashedCrossing(11, output_mode=m)((x, y)),
    )
row("crossing_integers", (WHOLE[:, 0], SMALL[:, 1]), lambda K, x, y: K.layers.HashedCrossing(1000)((x, y)))
row(
    "crossing_three",
    (WORDS[:, :1], WORDS[:, 1:2], SMALL[:, 2:]),
    lambda K, x, y, z: K.layers.HashedCrossing(2**20)((x, y, z)),
)

for _mode in ("int", "one_hot", "multi_hot", "count"):
    row(f"string_lookup_{_mode}", WORDS, lambda K, x, m=_mode: _lookup(K, output_mode=m)(x))
    row(f"string_lookup_{_mode}_mask", WORDS, lambda K, x, m=_mode: _lookup(K, output_mode=m, mask_token="")(x))
    row(
        f"string_lookup_{_mode}_oov",
        WORDS,
        lambda K, x, m=_mode: _lookup(K, output_mode=m, mask_token="", num_oov_indices=3)(x),
    )
    row(f"string_lookup_{_mode}_column", WORDS[:, 1:2], lambda K, x, m=_mode: _lookup(K, output_mode=m)(x))
    row(f"string_lookup_{_mode}_vector", WORDS[:, 1], lambda K, x, m=_mode: _lookup(K, output_mode=m)(x))
    row(
        f"integer_lookup_{_mode}",
        WHOLE,
        lambda K, x, m=_mode: K.layers.IntegerLookup(vocabulary=[9, 5, 2**40], output_mode=m)(x),
    )
    row(
        f"integer_lookup_{_mode}_mask",
        WHOLE,
        lambda K, x, m=_mode: K.layers.IntegerLookup(
            vocabulary=[9, 5, 12], output_mode=m, mask_token=0, num_oov_indices=2
        )(x),
    )
    row(
        f"string_lookup_{_mode}_adapted",
        WORDS,
        lambda K, x, m=_mode: _adapted(K.layers.StringLookup(output_mode=m, max_tokens=4), WORDS[:2])(x),
        adapted=True,
    )
row(
    "string_lookup_padded", WORDS, lambda K, x: _lookup(K, output_mode="count", max_tokens=9, pad_to_max_tokens=True)(x)
)
row("string_lookup_no_oov", WORDS[:1, :2], lambda K, x: _lookup(K, num_oov_indices=0)(x))
row("string_lookup_no_oov_mask", WORDS[:1, :3], lambda K, x: _lookup(K, num_oov_indices=0, mask_token="")(x))
row("string_lookup_cube", WORDS.reshape(2, 3, 2), lambda K, x: _lookup(K)(x))
row(
    "string_lookup_cube_multi_hot",
    WORDS.reshape(2, 3, 2),
    lambda K, x: _lookup(K, output_mode="multi_hot")(x),
    eras="3",
)
row("string_lookup_invert", TOKENS, lambda K, x: _lookup(K, invert=True)(x))
row("string_lookup_invert_mask", TOKENS, lambda K, x: _lookup(K, invert=True, mask_token="_", oov_token="?")(x))
row(
    "string_lookup_special_tokens",
    WORDS,
    lambda K, x: K.layers.StringLookup(vocabulary=["", "[UNK]", "fire", "é"], mask_token="")(x),
)
row("string_lookup_salt", WORDS, lambda K, x: _lookup(K, num_oov_indices=4, salt=5)(x), eras="3")
row(
    "string_lookup_tf_idf",
    WORDS,
    lambda K, x: _lookup(K, output_mode="tf_idf", idf_weights=[0.5, 0.25, 1.5, 2.0, 0.1])(x),
    tolerance=1e-6,
)
row(
    "string_lookup_tf_idf_padded",
    WORDS,
    lambda K, x: _lookup(
        K, output_mode="tf_idf", idf_weights=[0.5, 0.25, 1.5, 2.0, 0.1], max_tokens=9, pad_to_max_tokens=True
    )(x),
    tolerance=1e-6,
)
row(
    "string_lookup_tf_idf_adapted",
    WORDS,
    lambda K, x: _adapted(K.layers.StringLookup(output_mode="tf_idf"), WORDS[:2])(x),
    adapted=True,
    tolerance=1e-6,
)
row("integer_lookup_oov", WHOLE, lambda K, x: K.layers.IntegerLookup(vocabulary=[9, 5], num_oov_indices=3)(x))
row("integer_lookup_int32", SMALL, lambda K, x: K.layers.IntegerLookup(vocabulary=[9, 5])(x))
row(
    "integer_lookup_farmhash",
    WHOLE,
    lambda K, x: K.layers.IntegerLookup(vocabulary=[9], num_oov_indices=3, oov_method="farmhash")(x),
    eras="3",
)
row(
    "integer_lookup_salt",
    WHOLE,
    lambda K, x: K.layers.IntegerLookup(vocabulary=[9], num_oov_indices=5, oov_method="farmhash", salt=[1, 2])(x),
    eras="3",
)
row("integer_lookup_invert", TOKENS, lambda K, x: K.layers.IntegerLookup(vocabulary=[90, 50, 70], invert=True)(x))
row(
    "integer_lookup_invert_mask",
    TOKENS,
    lambda K, x: K.layers.IntegerLookup(vocabulary=[90, 50], invert=True, mask_token=0, oov_token=-7)(x),
)
row(
    "integer_lookup_adapted",
    WHOLE,
    lambda K, x: _adapted(K.layers.IntegerLookup(), WHOLE[:2])(x),
    adapted=True,
)


def _vectorization(K: Any, vocabulary: Any = None, **options: Any) -> Any:
    layer = K.layers.TextVectorization(vocabulary=vocabulary, **options)
    if vocabulary is None:
        layer.adapt(CORPUS)
    return layer


TERMS = ["the", "fox", "brown", "quick", "É", "日本", "dont", "stopme", "straße"]
for _standardize in ("lower_and_strip_punctuation", "lower", "strip_punctuation", None):
    for _split in ("whitespace", "character", None):
        _terms = (
            TERMS
            if _split == "whitespace"
            else [*"theé日 f"]
            if _split
            else ["", "[UNK]", "the quick brown fox jumps", "   \t\n "]
        )
        row(
            f"text_{_standardize}_{_split}",
            SENTENCES,
            lambda K, x, s=_standardize, p=_split, t=_terms: _vectorization(K, t, standardize=s, split=p)(x),
        )
for _mode in ("multi_hot", "count"):
    row(f"text_{_mode}", SENTENCES, lambda K, x, m=_mode: _vectorization(K, TERMS, output_mode=m)(x))
    row(
        f"text_{_mode}_padded",
        SENTENCES,
        lambda K, x, m=_mode: _vectorization(K, TERMS, output_mode=m, max_tokens=14, pad_to_max_tokens=True)(x),
    )
    row(f"text_{_mode}_adapted", SENTENCES, lambda K, x, m=_mode: _vectorization(K, output_mode=m)(x), adapted=True)
row("text_length", SENTENCES, lambda K, x: _vectorization(K, TERMS, output_sequence_length=4)(x))
row("text_longer", SENTENCES[:3], lambda K, x: _vectorization(K, TERMS, output_sequence_length=20)(x))
row("text_vector", SENTENCES[:, 0], lambda K, x: _vectorization(K, TERMS)(x))
row("text_empty", np.array([[""], ["  "]]), lambda K, x: _vectorization(K, TERMS)(x))
row("text_adapted", SENTENCES, lambda K, x: _vectorization(K, output_sequence_length=7)(x), adapted=True)
row("text_most_frequent", SENTENCES, lambda K, x: _vectorization(K, max_tokens=5)(x), adapted=True)
row("text_tf_idf", SENTENCES, lambda K, x: _vectorization(K, output_mode="tf_idf")(x), adapted=True, tolerance=1e-6)
row(
    "text_tf_idf_given",
    SENTENCES,
    lambda K, x: _vectorization(K, TERMS, output_mode="tf_idf", idf_weights=[0.1 * i for i in range(9)])(x),
    tolerance=1e-6,
)
row("text_ngrams", SENTENCES, lambda K, x: _vectorization(K, [*TERMS, "the quick", "the fox"], ngrams=2)(x))
row("text_ngrams_only", SENTENCES, lambda K, x: _vectorization(K, ["the the the", "quick brown fox"], ngrams=(3,))(x))
row(
    "text_ngrams_order",
    SENTENCES,
    lambda K, x: _vectorization(K, [*TERMS, "the the the"], ngrams=(3, 1), output_mode="count")(x),
)
row(
    "text_ngrams_adapted", SENTENCES, lambda K, x: _vectorization(K, ngrams=2, output_mode="multi_hot")(x), adapted=True
)
row("text_ngrams_unsplit", WORDS, lambda K, x: _vectorization(K, ["earth wind", "fire fire"], split=None, ngrams=2)(x))
row("text_unsplit_length", WORDS, lambda K, x: _vectorization(K, VOCABULARY, split=None, output_sequence_length=6)(x))
row("text_unsplit_shorter", WORDS, lambda K, x: _vectorization(K, VOCABULARY, split=None, output_sequence_length=2)(x))
row("text_unsplit_count", WORDS, lambda K, x: _vectorization(K, VOCABULARY, split=None, output_mode="count")(x))


# --- pictures --------------------------------------------------------------------------------------------------------


def _picture(*shape: int, dtype: str = "float32") -> np.ndarray:
    values = np.random.default_rng(len(shape) + shape[-1]).uniform(0, 255, shape)
    return (values.round() if dtype == "uint8" else values).astype(dtype)


P = _picture(2, 11, 7, 3)
for _how in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
    row(f"resizing_{_how}", P, lambda K, x, h=_how: K.layers.Resizing(5, 9, interpolation=h)(x), tolerance=1e-4)
    row(
        f"resizing_{_how}_antialias",
        P,
        lambda K, x, h=_how: K.layers.Resizing(5, 9, interpolation=h, antialias=True)(x),
        eras="3",
        tolerance=1e-4,
    )
for _how in ("area", "gaussian", "mitchellcubic"):
    row(
        f"resizing_{_how}",
        P,
        lambda K, x, h=_how: K.layers.Resizing(5, 9, interpolation=h)(x),
        eras="2",
        tolerance=1e-4,
    )
row("resizing_uint8", _picture(2, 11, 7, 3, dtype="uint8"), lambda K, x: K.layers.Resizing(5, 9)(x), tolerance=1e-4)
row(
    "resizing_uint8_nearest",
    _picture(2, 11, 7, 3, dtype="uint8"),
    lambda K, x: K.layers.Resizing(5, 9, interpolation="nearest")(x),
)
row("resizing_same", P, lambda K, x: K.layers.Resizing(11, 7)(x))
for _sizes in ((5, 9), (9, 5), (3, 3), (22, 14), (13, 4)):
    _at = "x".join(map(str, _sizes))
    row(
        f"resizing_crop_{_at}",
        P,
        lambda K, x, s=_sizes: K.layers.Resizing(*s, crop_to_aspect_ratio=True)(x),
        tolerance=1e-4,
    )
    row(
        f"resizing_pad_{_at}",
        P,
        lambda K, x, s=_sizes: K.layers.Resizing(*s, pad_to_aspect_ratio=True, fill_value=3.5)(x),
        eras="3",
        tolerance=1e-4,
    )
    row(f"center_crop_{_at}", P, lambda K, x, s=_sizes: K.layers.CenterCrop(*s)(x), tolerance=1e-4)
row("center_crop_odd", P, lambda K, x: K.layers.CenterCrop(4, 4)(x))
row("center_crop_uint8", _picture(2, 11, 7, 3, dtype="uint8"), lambda K, x: K.layers.CenterCrop(4, 4)(x))
row(
    "resizing_channels_first",
    _picture(2, 3, 11, 7),
    lambda K, x: K.layers.Resizing(5, 9, data_format="channels_first")(x),
    eras="3",
    tolerance=1e-4,
)
row(
    "center_crop_channels_first",
    _picture(2, 3, 11, 7),
    lambda K, x: K.layers.CenterCrop(5, 4, data_format="channels_first")(x),
    eras="3",
)
FLAT = np.stack([_picture(11, 7, 3), np.full((11, 7, 3), 8, np.float32)])
row("auto_contrast", FLAT, lambda K, x: K.layers.AutoContrast()(x), eras="3", tolerance=1e-4)
row(
    "auto_contrast_range",
    FLAT / 255,
    lambda K, x: K.layers.AutoContrast(value_range=(0, 1))(x),
    eras="3",
    tolerance=1e-6,
)
row("auto_contrast_uint8", FLAT.astype("uint8"), lambda K, x: K.layers.AutoContrast()(x), eras="3")
row(
    "clahe",
    FLAT,
    lambda K, x: K.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(3, 2))(x),
    eras="3",
    tolerance=1e-3,
)
row(
    "clahe_whole",
    _picture(2, 12, 8, 3),
    lambda K, x: K.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(3, 2), clip_limit=0)(x),
    eras="3",
    tolerance=1e-3,
)
row(
    "clahe_range",
    FLAT / 255,
    lambda K, x: K.layers.ContrastLimitedAdaptiveHistogramEqualization(value_range=(0, 1), tile_grid_size=(2, 2))(x),
    eras="3",
    tolerance=1e-5,
)
row(
    "clahe_channels_first",
    _picture(2, 3, 11, 7),
    lambda K, x: K.layers.ContrastLimitedAdaptiveHistogramEqualization(
        tile_grid_size=(2, 3), data_format="channels_first"
    )(x),
    eras="3",
    tolerance=1e-3,
)
for _kind in ("float32", "uint8"):
    _p = _picture(2, 11, 7, 3, dtype=_kind)
    for _name, _options in {
        "AugMix": {},
        "CutMix": {},
        "Equalization": {},
        "MixUp": {},
        "RandAugment": {},
        "RandomBrightness": {"factor": 0.2},
        "RandomColorDegeneration": {"factor": 0.5},
        "RandomColorJitter": {},
        "RandomContrast": {"factor": 0.2},
        "RandomCrop": {"height": 5, "width": 4},
        "RandomElasticTransform": {},
        "RandomErasing": {},
        "RandomFlip": {},
        "RandomGaussianBlur": {},
        "RandomGrayscale": {},
        "RandomHue": {"factor": 0.2},
        "RandomInvert": {},
        "RandomPerspective": {},
        "RandomPosterization": {"factor": 4},
        "RandomRotation": {"factor": 0.2},
        "RandomSaturation": {"factor": 0.2},
        "RandomSharpness": {"factor": 0.2},
        "RandomShear": {"x_factor": 0.2},
        "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.1},
        "RandomZoom": {"height_factor": 0.2},
        "Solarization": {"addition_factor": 0.3, "threshold_factor": 0.5},
        "MaxNumBoundingBoxes": {"max_number": 3},
    }.items():
        row(f"{_name}_{_kind}", _p, lambda K, x, n=_name, o=_options: getattr(K.layers, n)(**o)(x), eras="3")
    for _name, _options in {
        "RandomBrightness": {"factor": 0.2},
        "RandomContrast": {"factor": 0.2},
        "RandomCrop": {"height": 5, "width": 4},
        "RandomFlip": {},
        "RandomRotation": {"factor": 0.2},
        "RandomHeight": {"factor": 0.2},
        "RandomWidth": {"factor": 0.2},
        "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.1},
        "RandomZoom": {"height_factor": 0.2},
    }.items():
        row(
            f"{_name}_{_kind}_2",
            _p,
            lambda K, x, n=_name, o=_options: getattr(K.layers, n)(**o)(x),
            eras="2",
            tolerance=1e-4,
        )
row("random_crop_wider", P, lambda K, x: K.layers.RandomCrop(13, 4)(x), tolerance=1e-4)
row(
    "pipeline",
    P,
    lambda K, x: K.layers.Pipeline([K.layers.RandomFlip(), K.layers.Resizing(5, 6), K.layers.Rescaling(0.1)])(x),
    eras="3",
    tolerance=1e-4,
)
row(
    "pipeline_of_texts",
    WORDS,
    lambda K, x: K.layers.Pipeline([_lookup(K), K.layers.CategoryEncoding(6, output_mode="count")])(x),
    eras="3",
)

for _how in ("nearest", "bilinear", "bicubic"):
    row(
        f"resizing_{_how}_float16",
        (P / 4).astype("float16"),
        lambda K, x, h=_how: K.layers.Resizing(5, 9, interpolation=h, dtype="float16")(x),
        tolerance=1e-3,
    )
row(
    "resizing_uint8_bicubic",
    _picture(2, 11, 7, 3, dtype="uint8"),
    lambda K, x: K.layers.Resizing(5, 9, interpolation="bicubic")(x),
    tolerance=1e-4,
)
row(
    "pipeline_of_changes",
    P,
    lambda K, x: K.layers.Pipeline([K.layers.Equalization(), K.layers.AutoContrast(), K.layers.CutMix()])(x),
    eras="3",
    tolerance=1e-4,
)

# --- columns of a table ----------------------------------------------------------------------------------------------


def _feature_space(K: Any, text: Any, number: Any, whole: Any, mode: str) -> Any:
    import tensorflow as tf

    F = K.utils.FeatureSpace
    space = F(
        features={
            "x0": "string_categorical",
            "x1": F.float_discretized(num_bins=3),
            "x2": F.integer_categorical(num_oov_indices=2),
        },
        crosses=[F.cross(("x0", "x2"), crossing_dim=7)],
        output_mode=mode,
    )
    table = {"x0": WORDS[:, 0], "x1": NUMBERS[:1].ravel(), "x2": SMALL[:, 1]}
    space.adapt(tf.data.Dataset.from_tensor_slices(table))
    inputs, encoded = space.get_inputs(), space.get_encoded_features()
    order = [inputs["x0"], inputs["x1"], inputs["x2"]]
    model = K.Model(order, encoded if mode == "concat" else K.layers.Concatenate()(list(encoded.values())))
    return model([text, number, whole])


row(
    "feature_space",
    (WORDS[:, :1], NUMBERS.reshape(-1, 1)[:3], SMALL[:, :1]),
    lambda K, *xs: _feature_space(K, *xs, mode="concat"),
    eras="3",
    adapted=True,
)

# --- sounds ----------------------------------------------------------------------------------------------------------

SOUND = np.random.default_rng(5).normal(size=(2, 300)).astype(np.float32)
CHANNELS = np.random.default_rng(6).normal(size=(2, 90, 3)).astype(np.float32)


def _mel(K: Any, **options: Any) -> Any:
    return K.layers.MelSpectrogram(
        **{"fft_length": 64, "sequence_stride": 20, "sampling_rate": 800, "num_mel_bins": 9, **options}
    )


row("mel", SOUND, lambda K, x: _mel(K)(x), eras="3", tolerance=1e-4)
row(
    "mel_power",
    SOUND,
    lambda K, x: _mel(K, power_to_db=False, mag_exp=1.5, max_freq=300.0)(x),
    eras="3",
    tolerance=1e-4,
)
row(
    "mel_short",
    SOUND,
    lambda K, x: _mel(K, sequence_length=50, window="hamming", top_db=10.0, ref_power=2.0)(x),
    eras="3",
    tolerance=1e-4,
)
row("mel_no_window", SOUND, lambda K, x: _mel(K, window=None, min_freq=0.0)(x), eras="3", tolerance=1e-4)
for _mode in ("log", "magnitude", "psd", "real", "imag", "angle", "stft"):
    row(
        f"stft_{_mode}",
        CHANNELS,
        lambda K, x, m=_mode: K.layers.STFTSpectrogram(mode=m, frame_length=16, frame_step=5, fft_length=20)(x),
        eras="3",
        tolerance=1e-3,
    )
row(
    "stft_expanded",
    CHANNELS,
    lambda K, x: K.layers.STFTSpectrogram(frame_length=16, expand_dims=True)(x),
    eras="3",
    tolerance=1e-3,
)
row(
    "stft_same",
    CHANNELS,
    lambda K, x: K.layers.STFTSpectrogram(
        mode="magnitude", frame_length=15, window="hamming", periodic=True, scaling="spectrum", padding="same"
    )(x),
    eras="3",
    tolerance=1e-3,
)
row(
    "stft_no_window",
    CHANNELS,
    lambda K, x: K.layers.STFTSpectrogram(mode="real", frame_length=16, window=None, scaling=None)(x),
    eras="3",
    tolerance=1e-3,
)
