"""Binding a config to a layer function: every key is a parameter, known to be irrelevant, or an error."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.layer import Ints, LayerFunction, call_names_of
from interchange_keras.precision import policy_of


def bind(
    function: LayerFunction, name: str, config: Mapping[str, Any], version: eras.Version
) -> tuple[dict[str, Any], list[str]]:
    """The keyword arguments for a layer function and what is wrong with the config, in words.

    Args:
        name: the class or activation, for the defaults of that version.
        config: in today's vocabulary (`eras.modern_config`).
    """
    parameters, takes_all = keywords(function)
    takes_all &= call_names_of(function) is not None  # else any other key is one of a call's arguments
    given = {**eras.defaults(name, version), **config}
    arguments: dict[str, Any] = {}
    faults: list[str] = []
    for key, value in given.items():
        if key in parameters:
            try:
                arguments[key] = _coerce(decode(value), parameters[key])
            except ValueError as error:
                faults.append(f"option {key!r}: {error}")
        elif takes_all:
            arguments[key] = value
        elif not is_irrelevant(key, value):
            faults.append(f"option {key} = {_short(value)} is not supported")
    faults += [f"option {key!r} is missing" for key in _required(function) if key not in given]
    return arguments, faults


@cache
def keywords(function: LayerFunction) -> tuple[dict[str, Any], bool]:
    """The keyword parameters of a function with their annotations, and whether it takes any other."""
    try:
        hints = get_type_hints(function)
    except Exception:  # a stranger's annotations
        hints = {}
    parameters = _signature(function).parameters.values()
    found = {p.name: hints.get(p.name, Any) for p in parameters if p.kind is p.KEYWORD_ONLY}
    return found, any(p.kind is p.VAR_KEYWORD for p in parameters)


@cache
def _signature(function: LayerFunction) -> inspect.Signature:
    return inspect.signature(function)


def accepts(function: LayerFunction, n_tensors: int) -> bool:
    """Whether a function takes that many tensors after the layer."""
    parameters = _signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in positional) - 1
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return n_tensors >= needed and n_tensors > 0
    return needed <= n_tensors <= len(positional) - 1


def misfit(function: LayerFunction, args: Sequence[Any], options: Mapping[str, Any]) -> str:
    """Why a function does not take these arguments after the layer; "" if it does."""
    try:
        _signature(function).bind(None, *args, **options)
    except TypeError as error:
        return f"it is called with other arguments: {error}"
    return ""


def dtype_fault(config: Mapping[str, Any]) -> str:
    """What is wrong with the dtype policy of something within a layer, such as a cell; "" if nothing is."""
    try:
        quantised = policy_of(config.get("dtype")).quantised
    except ValueError as error:
        return str(error)
    return f"the dtype policy {quantised} is not supported here" if quantised else ""


def decode(value: Any) -> Any:
    """Plain values out of the wrappings that Keras puts around NumPy numbers and tuples."""
    if isinstance(value, Mapping):
        content = value.get("config")
        if value.get("class_name") in ("__numpy__", "__tensor__") and isinstance(content, Mapping):
            return content.get("value")
        if value.get("class_name") == "__tuple__" and isinstance(value.get("items"), list):
            return value["items"]
        if value.get("type") == "ndarray":
            return value.get("value")
    return value


def _required(function: LayerFunction) -> list[str]:
    parameters = _signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]


def is_irrelevant(key: str, value: Any) -> bool:
    """Whether an option says nothing about inference."""
    if key == "dtype":  # read by interchange_keras.precision
        return True
    if key in eras.IRRELEVANT or key.endswith(eras.IRRELEVANT_ENDINGS):
        return True
    return any(value is idle or value == idle for idle in eras.IDLE.get(key, ()))


def integer(value: Any) -> int:
    """A whole number that a file holds anywhere but in an option. Raises ValueError where it is none."""
    try:
        return int(value)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{_short(value)} is not an integer") from error


def array_of(value: Any, dtype: Any = None) -> Array:
    """Numbers that a file holds in lists. Raises ValueError where they are none."""
    try:
        return np.asarray(value, dtype)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"{_short(value)} is not made of numbers") from error


def _coerce(value: Any, wanted: Any) -> Any:
    if get_origin(wanted) in (Union, types.UnionType):
        if value is None and type(None) in get_args(wanted):
            return None
        return _coerce(value, next(a for a in get_args(wanted) if a is not type(None)))
    convert = _CONVERT.get(wanted)
    return convert(value) if convert else value


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value % 1 != 0:
        raise ValueError(f"{_short(value)} is not an integer")
    if abs(value) >= 1 << 31:
        raise ValueError(f"{_short(value)} is too large")
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, list) and np.size(value) == 1:  # a NumPy scalar, as old versions wrote it
        value = np.ravel(value)[0]
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ValueError(f"{_short(value)} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return number


def _bool(value: Any) -> bool:
    if value not in (True, False, 0, 1):
        raise ValueError(f"{_short(value)} is neither true nor false")
    return bool(value)


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_short(value)} is not a text")
    return value


def _ints(value: Any) -> Ints:
    if not isinstance(value, (list, tuple)):
        return (_int(value),)
    return tuple(_int(item) for item in value)


_CONVERT: Mapping[Any, Callable[[Any], Any]] = {int: _int, float: _float, bool: _bool, str: _str, Ints: _ints}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
