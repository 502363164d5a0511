"""Encoders, scalers and what else prepares columns. Maps are Python dicts."""

from __future__ import annotations

import numpy as np

from interchange.ops._dtypes import dtype_of
from interchange.ops.ml._scores import as_float


def ArrayFeatureExtractor(x, y):
    """The entries of the last dimension at the indices y; of a vector as a matrix of one row."""
    picked = x[..., y.ravel()]
    return picked.reshape(1, -1) if x.ndim == 1 else picked


def Binarizer(x, *, threshold=0.0):
    """1 where x > threshold, else 0."""
    return (x > threshold).astype(x.dtype)


def _lookup(x, table, default, dtype):
    """table[key] for each entry of x; all NaN are one key."""
    nan = next((value for key, value in table.items() if key != key), default)
    values = [nan if key != key else table.get(key, default) for key in x.ravel().tolist()]
    return np.array(values, dtype).reshape(x.shape)


def CategoryMapper(x, *, cats_int64s=None, cats_strings=None, default_int64=-1, default_string="_Unused"):
    """Categories as their numbers, or numbers as their categories."""
    if x.dtype.kind in "iu":
        return _lookup(x, dict(zip(cats_int64s, cats_strings, strict=True)), default_string, object)
    return _lookup(x, dict(zip(cats_strings, cats_int64s, strict=True)), default_int64, np.int64)


def LabelEncoder(
    x,
    *,
    default_float=-0.0,
    default_int64=-1,
    default_string="_Unused",
    default_tensor=None,
    dtype=None,
    keys_floats=None,
    keys_int64s=None,
    keys_strings=None,
    keys_tensor=None,
    values_floats=None,
    values_int64s=None,
    values_strings=None,
    values_tensor=None,
):
    """The value that belongs to each key, or a default; `dtype` is that of `values_tensor`."""
    keys = next((k for k in (keys_tensor, keys_strings, keys_int64s, keys_floats) if k is not None), None)
    choices = (
        (values_tensor, None if default_tensor is None else default_tensor[0], dtype or "float32"),
        (values_strings, default_string, "object"),
        (values_int64s, default_int64, "int64"),
        (values_floats, default_float, "float32"),
    )
    values, default, kind = next((choice for choice in choices if choice[0] is not None), (None, None, ""))
    if keys is None or values is None or len(keys) != len(values):
        raise ValueError("there must be as many values as keys")
    if values is values_tensor and default is None:
        default = {"O": default_string, "i": default_int64, "f": default_float}[dtype_of(kind).kind]
    return _lookup(x, dict(zip(keys, values, strict=True)), default, dtype_of(kind))


def DictVectorizer(x, *, int64_vocabulary=None, string_vocabulary=None):
    """A map, or a list of maps, as rows with the value of each word of the vocabulary, or 0."""
    words = string_vocabulary if string_vocabulary is not None else int64_vocabulary
    if words is None:
        raise ValueError("there is no vocabulary")
    rows = [x] if isinstance(x, dict) else x
    kinds = {np.asarray(value).dtype for row in rows for value in row.values()}
    dtype = np.result_type(*kinds) if kinds else np.dtype(np.float32)
    is_text = dtype.kind in "UO"
    empty = "" if is_text else 0
    return np.array([[row.get(word, empty) for word in words] for row in rows], object if is_text else dtype)


def CastMap(x, *, cast_to="TO_FLOAT", map_form="DENSE", max_map=1):
    """The values of a map in the order of its keys as a row; "SPARSE": at the places of its keys, 0 elsewhere."""
    kinds = {"TO_FLOAT": (float, np.float32), "TO_INT64": (int, np.int64), "TO_STRING": (str, object)}
    if cast_to not in kinds or map_form not in ("DENSE", "SPARSE"):
        raise ValueError(f"cast_to is {cast_to!r}, map_form is {map_form!r}")
    cast, dtype = kinds[cast_to]
    keys = sorted(x) if map_form == "DENSE" else range(max_map)
    return np.array([[cast(x.get(key, "" if dtype is object else 0)) for key in keys]], dtype)


def FeatureVectorizer(*xs, inputdimensions=None):
    """All inputs side by side, each cut or padded with zeros to its number of columns."""
    parts = [as_float(x.reshape(-1, 1) if x.ndim == 1 else x) for x in xs]
    widths = inputdimensions or [x.shape[1] for x in parts]
    cut = [x[:, :width] for x, width in zip(parts, widths, strict=True)]
    padded = [np.pad(x, ((0, 0), (0, width - x.shape[1]))) for x, width in zip(cut, widths, strict=True)]
    return np.concatenate(padded, 1)


def Imputer(
    x, *, imputed_value_floats=None, imputed_value_int64s=None, replaced_value_float=0.0, replaced_value_int64=0
):
    """x with another value for one that stands for a missing one: one for each column, or for all."""
    values, missing = imputed_value_floats, replaced_value_float
    if not values:
        values, missing = imputed_value_int64s, replaced_value_int64
    if not values or len(values) not in (1, x.shape[-1]):
        raise ValueError(f"{len(values or ())} values for {x.shape[-1]} columns")
    is_missing = np.isnan(x) if missing != missing else x == missing
    return np.where(is_missing, np.array(values, x.dtype), x)


def Normalizer(x, *, norm="MAX"):
    """Each row divided by its largest size ("MAX"), the sum of its sizes ("L1"), or its length ("L2")."""
    if norm not in ("MAX", "L1", "L2"):
        raise ValueError(f"norm is {norm!r}")
    y = as_float(x)
    sizes = np.abs(y)
    if norm == "MAX":
        length = sizes.max(-1, keepdims=True)
    else:
        length = sizes.sum(-1, keepdims=True) if norm == "L1" else np.sqrt(np.square(y).sum(-1, keepdims=True))
    return y / np.where(length == 0, 1, length)


def OneHotEncoder(x, *, cats_int64s=None, cats_strings=None, zeros=1):
    """A new last dimension with 1 at the category of each entry; an unknown one is all zeros, or refused."""
    categories = cats_strings if cats_strings else cats_int64s
    if not categories:
        raise ValueError("there are no categories")
    entries = x if cats_strings else x.astype(np.int64)
    places = _lookup(entries, {category: i for i, category in enumerate(categories)}, -1, np.int64)
    if not zeros and (places < 0).any():
        raise ValueError("an entry is of no known category")
    return (places[..., None] == np.arange(len(categories))).astype(np.float32)


def Scaler(x, *, offset=None, scale=None):
    """(x - offset) * scale, each one number, or one for each column."""
    y = as_float(x)
    y = y if offset is None else y - np.array(offset, y.dtype)
    return y if scale is None else y * np.array(scale, y.dtype)


def ZipMap(x, *, classlabels_int64s=None, classlabels_strings=None):
    """For each row the map from labels to scores; a list of them."""
    labels = classlabels_strings if classlabels_strings else classlabels_int64s
    rows = x.reshape(1, -1) if x.ndim == 1 else x
    if not labels or len(labels) != rows.shape[1]:
        raise ValueError(f"{len(labels or ())} labels for {rows.shape[1]} scores")
    return [dict(zip(labels, row, strict=True)) for row in rows]
