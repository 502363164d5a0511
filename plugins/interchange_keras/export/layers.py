"""Layers of any era as layers of Keras 3: class, config and weights; what has no such layer is a fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from interchange.graph import Array
from interchange_keras import eras
from interchange_keras.architecture import LayerEntry
from interchange_keras.export import preprocessing
from interchange_keras.export.keras3 import OPTIONS, UNWRITTEN
from interchange_keras.export.made import CannotExport, Made, document_of, plain_policy
from interchange_keras.layer import Slot
from interchange_keras.layers import LAYERS
from interchange_keras.layers.cells import GATES, OLD_GATES, class_and_config, from_cudnn
from interchange_keras.options import decode, is_irrelevant, keywords
from interchange_keras.precision import policy_of

# hard_sigmoid up to Keras 2 is clip(0.2 x + 0.5, 0, 1), in Keras 3 clip(x / 6 + 0.5, 0, 1): the same of 1.2 x.
STEEPER = 1.2
MERGES: Mapping[str, str] = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum"}
TAKES_A_LIST = frozenset(
    {
        *("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"),
        *("Attention", "AdditiveAttention", "HashedCrossing"),
    }
)
RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"})
CELLS = frozenset({"LSTMCell", "GRUCell", "SimpleRNNCell"})
# Trained beside a weight and added to it (interchange_keras.layers.lora); what is written is the sum.
ADAPTED = frozenset({"lora_rank", "lora_alpha"})
# Made floats of integers, which Keras 3 leaves alone.
FLOATS_BEFORE_3 = frozenset({"Resizing", "RandomBrightness", "RandomContrast"})
# What tf_keras wrote down of the inputs, to build the layer before it is called, and by which of two ways it masks.
SHAPES = frozenset({"query_shape", "key_shape", "value_shape", "softmax_robust_masking"})
CHANNELS_FIRST = "TensorFlow computes no convolution with channels first on a CPU"
CUDNN: Mapping[str, str] = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}


def made_of(
    entry: LayerEntry,
    slots: Sequence[Slot],
    arrays: Mapping[str, Array],
    version: eras.Version,
    inside: bool,
    assets: Mapping[str, bytes] = MappingProxyType({}),
) -> Made:
    """The layer, or layers, of Keras 3 that compute what an entry computes.

    Args:
        inside: it is within a wrapper, where nothing can follow it.
        assets: the files that the model file holds for it, by name.

    Raises:
        CannotExport: there are none; in words.
    """
    if not entry.is_keras or entry.class_name.startswith("keras.ops."):
        raise CannotExport("it is no layer of Keras")
    options = {**eras.defaults(entry.class_name, version), **entry.config}
    class_name, options = _renamed(entry.class_name, options)
    if class_name == "Bidirectional":  # no option of Keras; it matters where there are masks, which the model knows
        options.pop("zero_output_for_mask", None)
    made = Made(class_name, _config(entry.class_name, class_name, options, version))
    name = entry.name.replace("/", "_")  # of a layer within another; those of models get theirs there
    made.config |= {"name": name, "dtype": _policy(entry.config.get("dtype"))}
    for slot in (slot for slot in slots if slot.only != "h5" and not slot.is_optional):
        part = slot.name.rpartition("/")[0]
        if class_name == "GroupQueryAttention":
            part = f"_{part}"  # which Keras 3 keeps private
        made.weights.setdefault(part, []).append(_adapted(arrays, slot.name, options))
    if class_name in (*RECURRENT, *CELLS):
        _recurrent(made, entry.class_name, slots, version)
    elif class_name == "RNN":
        _cells(made, options.get("cell"), slots, version)
    elif class_name == "Bidirectional":
        _bidirectional(made, options, slots, version)
    elif _is_old_hard_sigmoid(made.config.get("activation"), version):
        if inside:
            raise CannotExport("its hard_sigmoid is that of Keras 2, within a wrapper")
        made.config["activation"] = "linear"
        made.after = [("Rescaling", {"scale": STEEPER, "offset": 0.0}), ("Activation", {"activation": "hard_sigmoid"})]
    if class_name in FLOATS_BEFORE_3 and version < (3,) and not inside:
        made.before = [("Rescaling", {"scale": 1.0, "offset": 0.0})]
    if "Conv" in class_name and made.config.get("data_format") == "channels_first":
        if inside:
            raise CannotExport(CHANNELS_FIRST)
        _channels_last(made)
    preprocessing.finish(made, arrays, assets, version, policy_of(entry.config.get("dtype")).compute)
    if made.after and inside:
        raise CannotExport("what it gives has another dtype in Keras 3, within a wrapper")
    return made


def _adapted(arrays: Mapping[str, Array], name: str, options: Mapping[str, Any]) -> Array:
    """A weight, with what low-rank adaptation adds to it."""
    a, b, rank = arrays.get(f"lora_{name}_a"), arrays.get(f"lora_{name}_b"), options.get("lora_rank")
    if a is None or b is None or not rank:
        return arrays[name]
    result: Array = arrays[name] + arrays[name].dtype.type((options.get("lora_alpha") or rank) / rank) * np.matmul(a, b)
    return result


def _channels_last(made: Made) -> None:
    """TensorFlow has no convolutions with channels first for the CPU; the weights are the same in both orders."""
    made.config["data_format"] = "channels_last"
    activation = made.config.get("activation")
    there, back = _permutations(made.class_name, made.config)
    made.before = [there]
    if activation in (None, "linear") or made.class_name in RECURRENT:
        made.after = [back, *made.after]
    else:  # it may look along an axis
        made.config["activation"] = "linear"
        made.after = [back, *made.after, ("Activation", {"activation": activation})]


def _permutations(class_name: str, config: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What turns the channels of a convolution to the end, and back."""
    if config.get("return_state"):
        raise CannotExport(CHANNELS_FIRST)
    rank = int(next(c for c in class_name if c.isdigit()))
    is_recurrent = class_name in RECURRENT
    time = [1] if is_recurrent else []
    there = [*time, *range(len(time) + 2, len(time) + 2 + rank), len(time) + 1]
    time = time if config.get("return_sequences") else []
    back = [*time, len(time) + rank + 1, *range(len(time) + 1, len(time) + rank + 1)]
    return [("Permute", {"dims": there}), ("Permute", {"dims": back})]


def _renamed(class_name: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """What Keras 3 calls a layer; those that it dropped as others."""
    if class_name == "Merge":
        mode = options.get("mode", "sum")
        if mode == "concat":
            return "Concatenate", {"axis": options.get("concat_axis", -1)}
        if mode not in MERGES:
            raise CannotExport(f"Keras 3 has no Merge of mode {mode!r}")
        return MERGES[mode], {}
    if class_name == "ThresholdedReLU":
        return "ReLU", {"threshold": options.get("theta", 1.0)}
    if class_name in CUDNN:
        return CUDNN[class_name], {**options, "reset_after": True}
    if class_name == "GroupedQueryAttention":
        return "GroupQueryAttention", options
    if class_name == "BatchNormalization" and isinstance(options.get("axis"), list) and len(options["axis"]) == 1:
        return class_name, {**options, "axis": options["axis"][0]}
    if class_name in UNWRITTEN:
        raise CannotExport(UNWRITTEN[class_name])
    if class_name not in OPTIONS:
        raise CannotExport("Keras 3 has no such layer")
    if class_name == "Resizing" and str(options.get("interpolation")).lower() in ("gaussian", "mitchellcubic"):
        raise CannotExport(f"Keras 3 has no interpolation {options['interpolation']!r}")
    return class_name, options


def _config(old_name: str, class_name: str, options: Mapping[str, Any], version: eras.Version) -> dict[str, Any]:
    function = LAYERS[old_name]
    defaults: dict[str, Any] = getattr(function, "__kwdefaults__", None) or {}
    known = OPTIONS[class_name]
    config: dict[str, Any] = {}
    for key, value in options.items():
        new = "layer" if key == "wrapped" else key
        if new in known:
            config[new] = decode(value)
        elif key in ("name", "dtype", "trainable", *ADAPTED, *SHAPES) or is_irrelevant(key, value):
            continue
        elif key not in defaults and key in keywords(function)[0]:
            continue  # required by us, said by the weights to Keras
        elif not _is_default(value, defaults.get(key, value)) and not (old_name == "Merge" or key == "theta"):
            raise CannotExport(f"Keras 3 has no option {key} = {str(value)[:60]}")
    if class_name == "PReLU" and isinstance(config.get("shared_axes"), list) and not config["shared_axes"]:
        config["shared_axes"] = None
    if isinstance(config.get("activation"), Mapping):
        config["activation"] = _activation(config["activation"])
    return config


def _is_default(value: Any, default: Any) -> bool:
    return value is None or value == default or (isinstance(default, tuple) and np.array_equal(value, default))


def _activation(value: Mapping[str, Any]) -> Any:
    """A function by its name; a layer in place of one is another matter."""
    if isinstance(value.get("config"), str):
        return value["config"]
    if str(value.get("class_name")) in OPTIONS:
        raise CannotExport(f"its activation is the layer {value['class_name']}")
    return dict(value)


def _is_old_hard_sigmoid(activation: Any, version: eras.Version) -> bool:
    return isinstance(activation, str) and eras.meaning_changed(activation, version)


def _policy(dtype: Any) -> Any:
    """A dtype policy in the words of Keras 3."""
    if isinstance(dtype, Mapping):
        details = dtype.get("config")
        if dtype.get("class_name") not in ("Policy", "PolicyV1", "DTypePolicy", "FloatDTypePolicy"):
            raise CannotExport("it is quantised")
        dtype = details.get("name") if isinstance(details, Mapping) else None
    name = dtype if isinstance(dtype, str) and "infer" not in dtype else "float32"
    return plain_policy(name)


# --- recurrent layers -----------------------------------------------------------------------------------------------


def _recurrent(made: Made, old_name: str, slots: Sequence[Slot], version: eras.Version) -> None:
    """Weights and activations of one recurrent layer, in place."""
    (part,) = made.weights
    arrays = made.weights[part]
    names = [slot.name.rpartition("/")[2] for slot in slots]
    made.weights[part] = _weights(made.class_name, old_name, names, arrays, made.config, version)


def _weights(
    class_name: str,
    old_name: str,
    names: Sequence[str],
    arrays: Sequence[Array],
    config: dict[str, Any],
    version: eras.Version,
) -> list[Array]:
    if names and "_" in names[0] and names[0] != "recurrent_kernel":  # Keras 1: W_i, U_i, b_i …
        by_name = dict(zip(names, arrays, strict=True))
        of_kind = OLD_GATES["LSTM" if class_name.startswith("ConvLSTM") else class_name]
        gates = [gate for gate, _ in sorted(of_kind, key=lambda item: item[1])]
        arrays = [np.concatenate([by_name[f"{part}_{gate}"] for gate in gates], -1) for part in "WUb"]
    kernel, recurrent, *rest = arrays
    bias = rest[0] if rest else None
    class_name = class_name.removesuffix("Cell")
    count = len(GATES[class_name]) if class_name in GATES else 4
    units = recurrent.shape[-1] // count
    if class_name in ("LSTM", "GRU") and (
        old_name in CUDNN or (bias is not None and bias.shape == (2 * count * units,))
    ):
        kernel, recurrent, bias = from_cudnn(class_name, kernel, recurrent, bias)
    factors = np.ones(count, np.float32)
    if _is_old_hard_sigmoid(config.get("recurrent_activation"), version):
        sigmoids = {"GRU": (0, 1)}.get(class_name, (0, 1, 3))  # z, r; i, f, o
        factors[list(sigmoids)] = STEEPER
    if _is_old_hard_sigmoid(config.get("activation"), version):
        if class_name != "SimpleRNN":
            raise CannotExport("its activation is the hard_sigmoid of Keras 2, which Keras 3 does not have")
        factors[:] = STEEPER
    if (factors != 1).any():
        row = np.repeat(factors, units)
        kernel, recurrent = ((a * row).astype(a.dtype) for a in (kernel, recurrent))
        bias = None if bias is None else (bias * row).astype(bias.dtype)
    return [kernel, recurrent, *([] if bias is None else [bias])]


def _cells(made: Made, document: Any, slots: Sequence[Slot], version: eras.Version) -> None:
    """The cells in the config of an RNN, and their weights: those of each cell are a part of their own."""
    documents = document if isinstance(document, list) else [document]
    if isinstance(document, Mapping) and document.get("class_name") == "StackedRNNCells":
        documents = document["config"]["cells"]
    parts = dict.fromkeys(slot.name.rpartition("/")[0] for slot in slots)
    cells = []
    for each, part in zip(documents, parts, strict=True):
        old_name, config = class_and_config(each)
        mine = [Slot(slot.name.rpartition("/")[2]) for slot in slots if slot.name.rpartition("/")[0] == part]
        entry = LayerEntry(str(config.get("name") or old_name.lower()), old_name, config)
        arrays = dict(zip((slot.name for slot in mine), made.weights[part], strict=True))
        cell = made_of(entry, mine, arrays, version, inside=True)
        made.weights[part] = cell.weights[""]
        cells.append(document_of(cell))
    stack = {"module": "keras.layers", "class_name": "StackedRNNCells", "registered_name": None}
    is_one = isinstance(document, Mapping) and len(cells) == 1 and document.get("class_name") != "StackedRNNCells"
    made.config["cell"] = cells[0] if is_one else {**stack, "config": {"name": "stacked_rnn_cells", "cells": cells}}


def _bidirectional(made: Made, options: Mapping[str, Any], slots: Sequence[Slot], version: eras.Version) -> None:
    """Both layers in the config of a Bidirectional, and their weights."""
    goes_backwards = turns = False
    halves = {"forward_layer": options.get("wrapped"), "backward_layer": options.get("backward_layer")}
    for attribute, document in halves.items():
        source = document if document is not None else halves["forward_layer"]
        if not isinstance(source, Mapping) or not isinstance(source.get("config"), Mapping):
            raise CannotExport("it wraps no layer")
        old_name = eras.modern_class(str(source.get("class_name")))
        inner = LayerEntry(
            str(source["config"].get("name") or old_name.lower()),
            old_name,
            eras.modern_config(old_name, source["config"]),
        )
        mine = [slot for slot in slots if slot.name.startswith(f"{attribute}/")]
        plain = [Slot(slot.name.partition("/")[2]) for slot in mine]
        part = f"{attribute}/cell"
        given = dict(zip((slot.name for slot in plain), made.weights.get(part, []), strict=False))
        if len(given) != len(plain):
            raise CannotExport("it wraps a layer with cells of its own")
        if "Conv" in inner.class_name and inner.config.get("data_format") == "channels_first":
            turns = True
            inner = inner._replace(config={**inner.config, "data_format": "channels_last"})
        half = made_of(inner, plain, given, version, inside=True)
        if half.class_name not in RECURRENT:
            raise CannotExport(f"it wraps {half.class_name}")
        made.weights[part] = half.weights["cell"]
        if attribute == "forward_layer":
            goes_backwards = bool(half.config.get("go_backwards"))
            made.config["layer"] = document_of(half)
        elif document is not None or goes_backwards:  # Keras 3 takes for granted that the other one goes backwards
            if document is None:
                half.config |= {"go_backwards": False, "name": f"{half.config['name']}_forward"}
            made.config[attribute] = document_of(half)
    if turns:
        made.before, made.after = _around(made)


def _around(made: Made) -> tuple[list[tuple[str, dict[str, Any]]], list[tuple[str, dict[str, Any]]]]:
    """What stands before and after a Bidirectional whose layers have got their channels last."""
    layer, mode = made.config["layer"], made.config.get("merge_mode", "concat")
    there, back = _permutations(layer["class_name"], layer["config"])
    if mode is None:
        raise CannotExport(CHANNELS_FIRST)
    if mode != "concat":
        return [there], [back]
    made.config["merge_mode"], made.outputs = None, 2  # it joined the last axis, which is now the last but one
    return [there], [("Concatenate", {"axis": -2}), back]
