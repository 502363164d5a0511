"""Encoders, scalers and what else prepares columns. Maps are Python dicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from interchange_pyscript.kernels.arithmetic import divide
from interchange_pyscript.kernels.ml.scores import from_rows, rows_of_samples
from interchange_pyscript.kernels.shaping import Gather
from interchange_pyscript.kernels.tensor import Tensor, is_whole, lines


def ArrayFeatureExtractor(x: Tensor, y: Tensor) -> Tensor:
    """The entries of the last dimension at the indices y; of a vector as a matrix of one row."""
    picked = Gather(x, Tensor(y.values, (len(y.values),)), axis=-1)
    return picked if len(x.shape) > 1 else Tensor(picked.values, (1, len(picked.values)))


def Binarizer(x: Tensor, *, threshold: float = 0.0) -> Tensor:
    """1 where x > threshold, else 0."""
    one = 1 if is_whole(x) else 1.0
    return Tensor([one if value > threshold else 0 * one for value in x.values], x.shape)


def looked_up(x: Tensor, table: Mapping[Any, Any], default: Any) -> Tensor:
    """table[key] for each entry of x; all NaN are one key."""
    missing = next((value for key, value in table.items() if is_missing(key)), default)
    return Tensor([missing if is_missing(key) else table.get(key, default) for key in x.values], x.shape)


def is_missing(key: Any) -> bool:
    """Whether a key is not a number."""
    return isinstance(key, float) and math.isnan(key)


def CategoryMapper(
    x: Tensor,
    *,
    cats_int64s: Sequence[int] | None = None,
    cats_strings: Sequence[str] | None = None,
    default_int64: int = -1,
    default_string: str = "_Unused",
) -> Tensor:
    """Categories as their numbers, or numbers as their categories."""
    if is_whole(x):
        return looked_up(x, dict(zip(cats_int64s or (), cats_strings or ())), default_string)
    return looked_up(x, dict(zip(cats_strings or (), cats_int64s or ())), default_int64)


def LabelEncoder(
    x: Tensor,
    *,
    default_float: float = -0.0,
    default_int64: int = -1,
    default_string: str = "_Unused",
    default_tensor: Sequence[Any] | None = None,
    dtype: str | None = None,
    keys_floats: Sequence[float] | None = None,
    keys_int64s: Sequence[int] | None = None,
    keys_strings: Sequence[str] | None = None,
    keys_tensor: Sequence[Any] | None = None,
    values_floats: Sequence[float] | None = None,
    values_int64s: Sequence[int] | None = None,
    values_strings: Sequence[str] | None = None,
    values_tensor: Sequence[Any] | None = None,
) -> Tensor:
    """The value that belongs to each key, or a default; `dtype` is that of `values_tensor`."""
    keys = next((k for k in (keys_tensor, keys_strings, keys_int64s, keys_floats) if k is not None), ())
    choices: list[tuple[Any, Any]] = [
        (values_tensor, None if default_tensor is None else default_tensor[0]),
        (values_strings, default_string),
        (values_int64s, default_int64),
        (values_floats, default_float),
    ]
    values, default = next((choice for choice in choices if choice[0] is not None), (None, None))
    if not keys or values is None or len(keys) != len(values):
        raise ValueError("there must be as many values as keys")
    if default is None:
        kinds: dict[type, Any] = {str: default_string, int: default_int64, float: default_float}
        default = kinds[type(values[0])]
    return looked_up(x, dict(zip(keys, values)), default)


def DictVectorizer(
    x: Any, *, int64_vocabulary: Sequence[int] | None = None, string_vocabulary: Sequence[str] | None = None
) -> Tensor:
    """A map, or a list of maps, as rows with the value of each word of the vocabulary, or 0."""
    words: Sequence[Any] = string_vocabulary or int64_vocabulary or ()
    rows = [x] if isinstance(x, dict) else x
    some = next((value for row in rows for value in row.values()), 0.0)
    empty = "" if isinstance(some, str) else type(some)(0)
    return from_rows([[row.get(word, empty) for word in words] for row in rows], len(words))


def CastMap(x: Any, *, cast_to: str = "TO_FLOAT", map_form: str = "DENSE", max_map: int = 1) -> Tensor:
    """The values of a map in the order of its keys as a row; "SPARSE": at the places of its keys, 0 elsewhere."""
    kinds: dict[str, Any] = {"TO_FLOAT": float, "TO_INT64": int, "TO_STRING": str}
    if cast_to not in kinds or map_form not in ("DENSE", "SPARSE"):
        raise ValueError(f"cast_to is {cast_to!r}, map_form is {map_form!r}")
    keys = sorted(x) if map_form == "DENSE" else range(max_map)
    nothing = "" if cast_to == "TO_STRING" else 0
    return from_rows([[kinds[cast_to](x.get(key, nothing)) for key in keys]], len(keys))


def FeatureVectorizer(*xs: Tensor, inputdimensions: Sequence[int] | None = None) -> Tensor:
    """All inputs side by side, each cut or padded with zeros to its number of columns."""
    columns = [x if len(x.shape) > 1 else Tensor(x.values, (len(x.values), 1)) for x in xs]
    widths = inputdimensions or [x.shape[1] for x in columns]
    parts = [[(row + [0.0] * width)[:width] for row in rows_of_samples(x)] for x, width in zip(columns, widths)]
    return from_rows([[value for part in row for value in part] for row in zip(*parts)], sum(widths))


def Imputer(
    x: Tensor,
    *,
    imputed_value_floats: Sequence[float] | None = None,
    imputed_value_int64s: Sequence[int] | None = None,
    replaced_value_float: float = 0.0,
    replaced_value_int64: int = 0,
) -> Tensor:
    """x with another value for one that stands for a missing one: one for each column, or for all."""
    values: Sequence[float] = imputed_value_floats or imputed_value_int64s or ()
    missing = replaced_value_float if imputed_value_floats else replaced_value_int64
    if not values or len(values) not in (1, x.shape[-1]):
        raise ValueError(f"{len(values)} values for {x.shape[-1]} columns")
    pairs = zip(x.values, cycle(values))
    return Tensor([new if v == missing or (math.isnan(missing) and math.isnan(v)) else v for v, new in pairs], x.shape)


def Normalizer(x: Tensor, *, norm: str = "MAX") -> Tensor:
    """Each row divided by its largest size ("MAX"), the sum of its sizes ("L1"), or its length ("L2")."""
    if norm not in ("MAX", "L1", "L2"):
        raise ValueError(f"norm is {norm!r}")
    values: list[float] = []
    for row in lines(x, [len(x.shape) - 1]):
        sizes = [abs(float(value)) for value in row]
        length = {"MAX": max(sizes), "L1": sum(sizes), "L2": math.hypot(*sizes)}[norm]
        values += [divide(float(value), length or 1.0) for value in row]
    return Tensor(values, x.shape)


def OneHotEncoder(
    x: Tensor, *, cats_int64s: Sequence[int] | None = None, cats_strings: Sequence[str] | None = None, zeros: int = 1
) -> Tensor:
    """A new last dimension with 1 at the category of each entry; an unknown one is all zeros, or refused."""
    categories: Sequence[Any] = cats_strings or cats_int64s or ()
    if not categories:
        raise ValueError("there are no categories")
    places = {category: i for i, category in enumerate(categories)}
    entries = [places.get(value if cats_strings else int(value), -1) for value in x.values]
    if not zeros and -1 in entries:
        raise ValueError("an entry is of no known category")
    values = [1.0 if i == place else 0.0 for place in entries for i in range(len(categories))]
    return Tensor(values, (*x.shape, len(categories)))


def Scaler(x: Tensor, *, offset: Sequence[float] | None = None, scale: Sequence[float] | None = None) -> Tensor:
    """(x - offset) * scale, each one number, or one for each column."""
    columns = zip(x.values, cycle(offset or [0.0]), cycle(scale or [1.0]))
    return Tensor([(value - shift) * factor for value, shift, factor in columns], x.shape)


def ZipMap(
    x: Tensor, *, classlabels_int64s: Sequence[int] | None = None, classlabels_strings: Sequence[str] | None = None
) -> list[dict[Any, float]]:
    """For each row the map from labels to scores; a list of them."""
    labels: Sequence[Any] = classlabels_strings or classlabels_int64s or ()
    if not labels or len(labels) != x.shape[-1]:
        raise ValueError(f"{len(labels)} labels for {x.shape[-1]} scores")
    return [dict(zip(labels, row)) for row in lines(x, [len(x.shape) - 1])]
