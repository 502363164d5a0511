"""How masks travel from layer to layer: Keras's `compute_mask` and `supports_masking`, as one table.

A mask is a value of the graph, bool, of the shape (batch, time): false where a step of a sequence is padding. Embedding
and Masking make one; a layer function sees those of its inputs in `layer.masks`. What becomes of them is

* what the function says itself with `layer.give_masks` (recurrent layers, wrappers, layers that make masks),
* else what the rule of its class here says,
* else nothing: the mask ends, as in Keras, which warns of it. The graph's metadata name these layers (`masks_ended`).

The nodes of a mask that nobody reads are not in the graph in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from interchange_keras.eras import heads_see_masks, merges_masks, passes_masks_through_relu
from interchange_keras.layer import Layer

Mask = str | None
Rule = Callable[[Layer, Sequence[str], Sequence[Mask], Mapping[str, Any]], Mask]


def passed(layer: Layer, xs: Sequence[str], masks: Sequence[Mask], options: Mapping[str, Any]) -> Mask:
    """The output has the mask of the first input."""
    return masks[0]


def used_up(layer: Layer, xs: Sequence[str], masks: Sequence[Mask], options: Mapping[str, Any]) -> Mask:
    """The output has no mask; the layer has looked at those of its inputs, or drops them by design."""
    return None


def merged(layer: Layer, xs: Sequence[str], masks: Sequence[Mask], options: Mapping[str, Any]) -> Mask:
    """Keras 3: where any input counts, if all have masks; before: where all inputs with masks count."""
    there = [mask for mask in masks if mask is not None]
    if not there or (layer.version >= (3,) and len(there) < len(masks)):
        return None
    return _combined(layer, "Or" if layer.version >= (3,) else "And", there)


def concatenated(layer: Layer, xs: Sequence[str], masks: Sequence[Mask], options: Mapping[str, Any]) -> Mask:
    """Along the time the masks are joined, else they are combined: Keras 3 with any, Keras 1 and 2 with all."""
    if all(mask is None for mask in masks):
        return None
    rank = layer.rank(xs[0])
    axis = options.get("axis", options.get("concat_axis", -1)) % rank
    # Keras joins the masks with a last axis added, and reduces over that: joined on it they are combined
    if axis == rank - 1:
        return _combined(layer, "Or" if layer.version >= (3,) else "And", _all_there(layer, xs, masks))
    return layer.add("Concat", *_all_there(layer, xs, masks), axis=axis)


def _all_there(layer: Layer, xs: Sequence[str], masks: Sequence[Mask]) -> list[str]:
    """A mask for each input: all true where there is none."""
    known = {layer.rank(mask) for mask in masks if mask is not None}
    return [_all_true(layer, x, min(known)) if mask is None else mask for x, mask in zip(xs, masks, strict=True)]


def _all_true(layer: Layer, x: str, rank: int) -> str:
    sizes = layer.shape(x)[:rank]
    if None not in sizes[1:]:
        shape = layer.add("Concat", layer.add("Shape", x, end=1), np.array(sizes[1:], np.int64), axis=0)
    else:
        shape = layer.add("Shape", x, end=rank)
    return layer.add("Expand", layer.constant("true", np.array(True)), shape)


def _combined(layer: Layer, op: str, masks: Sequence[str]) -> str:
    result, *others = dict.fromkeys(masks)
    for other in others:
        result = layer.add(op, result, other)
    return result


def merged_by_mode(layer: Layer, xs: Sequence[str], masks: Sequence[Mask], options: Mapping[str, Any]) -> Mask:
    """Merge of Keras 1."""
    mode = options.get("mode", "sum")
    if mode in ("cos", "dot"):
        return None
    return concatenated(layer, xs, masks, options) if mode == "concat" else merged(layer, xs, masks, options)


def of_embedding(layer: Layer, xs: Sequence[str], masks: Sequence[Mask], options: Mapping[str, Any]) -> Mask:
    """With `mask_zero` the entry 0 is padding."""
    if not options.get("mask_zero"):
        return None
    zero = layer.constant("padding", np.zeros((), layer.dtype(xs[0])))
    return layer.add("Not", layer.add("Equal", xs[0], zero))


_PASSED = """
    AdditiveAttention Attention MultiHeadAttention
    Activation ActivityRegularization AlphaDropout BatchNormalization Dense Dropout ELU GaussianDropout GaussianNoise
    GroupNormalization LayerNormalization LeakyReLU PReLU ReLU Softmax SpatialDropout1D SpatialDropout2D
    SpatialDropout3D ThresholdedReLU UnitNormalization
    Highway MaxoutDense ParametricSoftplus SReLU
"""
_PASSED_SINCE_3 = "GroupQueryAttention GroupedQueryAttention Identity Normalization Rescaling"

# class -> what becomes of masks; a class that is neither here nor says it itself ends them
RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_PASSED.split(), passed),
    **dict.fromkeys(["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"], merged),
    "Concatenate": concatenated,
    "Merge": merged_by_mode,
    "Embedding": of_embedding,
    "ReversibleEmbedding": of_embedding,
    "Dot": used_up,
    "GlobalAveragePooling1D": used_up,
}
# Those that take several values as a list: what becomes of masks there changed with Keras 3.0 and 3.4 (`merges_masks`).
MERGING = frozenset(name for name, rule in RULES.items() if rule in (merged, concatenated, merged_by_mode))
MERGING |= {"AdditiveAttention", "Attention"}
RULES_SINCE_3: Mapping[str, Rule] = dict.fromkeys(_PASSED_SINCE_3.split(), passed)


def outputs_masks(layer: Layer, xs: Sequence[str], count: int, options: Mapping[str, Any]) -> tuple[list[Mask], bool]:
    """The masks of the `count` outputs of a call that has just been made, and whether masks end at it unread."""
    if layer.given_masks is not None:
        return [*layer.given_masks, *[None] * count][:count], False
    rule = RULES.get(layer.class_name)
    if rule is None and layer.version >= (3,):
        rule = RULES_SINCE_3.get(layer.class_name)
    if layer.class_name == "MultiHeadAttention" and not heads_see_masks(layer.version):
        rule = None
    if layer.class_name in MERGING and not merges_masks(layer.version):
        rule = None
    if layer.class_name == "ReLU" and not passes_masks_through_relu(layer.version):
        rule = None
    if rule is None:
        return [None] * count, any(mask is not None for mask in layer.masks)
    if not any(mask is not None for mask in layer.masks) and rule is not of_embedding:
        return [None] * count, False
    return [rule(layer, xs, layer.masks, options), *[None] * (count - 1)], False
