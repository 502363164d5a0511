"""What in a Keras file would be code elsewhere: found by looking at its JSON and its members; nothing is executed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from interchange.plugins import Code
from interchange_keras import eras
from interchange_keras.container import members_of, read, training_of
from interchange_keras.export.keras3 import OPTIONS
from interchange_keras.layers import ACTIVATIONS, LAYERS
from interchange_keras.operations import FUNCTION_LAYERS, OPERATIONS

KERAS_MODULES = ("keras", "tf_keras", "tensorflow", "builtins")
NO_LAYERS = frozenset({"InputLayer", "Functional", "Sequential", "Model", "Lambda", "TensorFlowOpLayer"})
WHERE_LAYERS_ARE = frozenset({"layers", "layer", "wrapped", "backward_layer", "cell", "cells"})
WHERE_FUNCTIONS_ARE = frozenset({"activation", "recurrent_activation", "inner_activation"})
WHERE_LOSSES_ARE = frozenset({"loss", "metrics", "weighted_metrics", "fn"})
BUILT_IN = (None, "builtins")
_LOSSES = """
    mean_squared_error mean_absolute_error mean_absolute_percentage_error mean_squared_logarithmic_error huber log_cosh
    categorical_crossentropy sparse_categorical_crossentropy binary_crossentropy kl_divergence poisson hinge
    squared_hinge categorical_hinge cosine_similarity accuracy categorical_accuracy binary_accuracy
    sparse_categorical_accuracy top_k_categorical_accuracy sparse_top_k_categorical_accuracy
"""
LOSSES = frozenset(_LOSSES.split())
PICKLED = re.compile(rb"\x80[\x02-\x05]")
PARTS = re.compile(r"metadata\.json|config\.json|model\.weights\.h5|assets/.*|.*/")
MOST_LEVELS = 100


def scan(path: Path) -> list[Code]:
    """See `interchange_keras.KerasImporter.scan`."""
    source = read(path, weights=False)
    found = list(_walk(source.architecture, "", "", 0))
    found += list(_walk(training_of(path), "", "training", 0))
    if zipfile.is_zipfile(path):
        found += list(_members(path))
    return list(dict.fromkeys(found))


def _walk(value: Any, layer: str, key: str, level: int) -> Iterator[Code]:
    """Every part of the JSON; `layer` is the one it belongs to, `key` what it is in that."""
    if level > MOST_LEVELS:
        return
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, layer, key, level + 1)
    elif isinstance(value, Mapping):
        if "class_name" in value:
            layer = _name(value, layer) if key in WHERE_LAYERS_ARE or not key else layer
            yield from _object(value, layer, key)
        for inner, item in value.items():
            # what stands in the config of an object belongs to that object's place
            yield from _walk(item, layer, key if inner == "config" else str(inner), level + 1)
    elif isinstance(value, str) and key in WHERE_FUNCTIONS_ARE and not _is_known_function(value):
        yield _code(layer, "function", value, value)


def _name(value: Mapping[str, Any], outer: str) -> str:
    config = value.get("config")
    name = value.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
    return str(name or outer)


def _object(value: Mapping[str, Any], layer: str, key: str) -> Iterator[Code]:
    class_name, config = str(value.get("class_name")), value.get("config")
    registered, module = value.get("registered_name"), value.get("module")
    if class_name == "__lambda__":
        yield _bytecode(layer, config.get("code") if isinstance(config, Mapping) else config)
        return
    if class_name == "Lambda" and isinstance(config, Mapping):
        yield from _lambda(layer, config)
        return
    if class_name == "function" and isinstance(config, str):
        is_keras = value.get("module") in BUILT_IN and key in WHERE_LOSSES_ARE and registered in (None, "function")
        if not (_is_known_function(config) or (is_keras and config in LOSSES)):
            named = registered if isinstance(registered, str) and ">" in registered else config
            yield _code(layer, "function", named, value)
        return
    is_foreign = isinstance(module, str) and module.partition(".")[0] not in KERAS_MODULES
    is_custom = module is None and isinstance(registered, str) and ">" in registered
    modern = eras.modern_class(class_name)
    known = modern in LAYERS or modern in OPTIONS or modern in NO_LAYERS or modern in OPERATIONS
    known = known or modern in FUNCTION_LAYERS or ">" in class_name
    is_unknown = key in ("layers", "layer", "wrapped") and module is None and not known
    if is_foreign or is_custom or is_unknown or ">" in class_name:
        yield _code(layer, "class", str(registered or class_name), value)


def _lambda(layer: str, config: Mapping[str, Any]) -> Iterator[Code]:
    for key in ("function", "output_shape", "mask", "output_mask"):
        function = config.get(key)
        kind = str(config.get(f"{key}_type", "lambda" if isinstance(function, list) else ""))
        if isinstance(function, Mapping):
            yield from _object(function, layer, key)
        elif isinstance(function, list) and function and isinstance(function[0], str):
            yield _bytecode(layer, function[0])
        elif isinstance(function, str) and kind == "lambda":
            yield _bytecode(layer, function)
        elif isinstance(function, str):
            yield _code(layer, "function", function, function)


def _bytecode(layer: str, text: Any) -> Code:
    """Marshalled bytecode; the digest is that of its bytes, where they can be had."""
    data = str(text).encode("utf-8", "surrogatepass")
    with suppress(binascii.Error, ValueError):  # Keras 1 wrote it as text
        data = base64.b64decode(data, validate=False)
    return Code(layer, "bytecode", f"{len(data)} bytes", hashlib.sha256(data).hexdigest())


def _code(layer: str, kind: str, name: str, value: Any) -> Code:
    data = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return Code(layer, kind, name, hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest())


def _is_known_function(name: str) -> bool:
    return name in ACTIVATIONS or eras.modern_class(name) in LAYERS


def _members(path: Path) -> Iterator[Code]:
    """The members of a zip that are none of Keras's, or that begin as a pickle does."""
    for name, data in members_of(path):
        if PICKLED.match(data):
            yield Code("", "pickle", name, hashlib.sha256(data).hexdigest())
        elif not PARTS.fullmatch(name):
            yield Code("", "member", name, hashlib.sha256(data).hexdigest())
