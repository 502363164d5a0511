"""Factors that activation functions want go into the weights before them, which saves a pass over the result.

Swish by squaring (`squaring.py`) and hard swish begin with a multiplication by a number; EfficientNetB0 has 6 million
values of the one, MobileNetV3 of the other. Not where a residual is added in between, for that has no weights.
GELU works on multiples of x and gives multiples of its result, which the product after it takes back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from interchange_numpy.functions import GELU_FACTOR
from interchange_numpy.network import Network, Op
from interchange_numpy.passes.chain import Chains

KINDS = frozenset(("conv", "dense", "affine"))


def scaled(network: Network) -> None:
    """Multiplies the attributes "scale" and "shift" of ops by what their activation, or the GELU after them, wants."""
    if network.precise:
        return
    network.ops = [_scaled(op, network) if op.kind in KINDS else op for op in network.ops]
    chains = Chains(network)
    new: dict[int, Op] = {}
    for i, op in enumerate(network.ops):
        if op.kind == "Gelu":
            new.update(_around_gelu(chains, i, op, new))
    network.ops = [new.get(i, op) for i, op in enumerate(network.ops)]


def _around_gelu(chains: Chains, i: int, gelu: Op, new: Mapping[int, Op]) -> dict[int, Op]:
    """The products before and after a GELU with other weights, and it; nothing if it is not between two."""
    network, x, y = chains.network, gelu.inputs[0], gelu.outputs[0]
    first, second = chains.maker(x), chains.only_reader(y)
    if first is None or second is None or chains.only_reader(x) != i:
        return {}
    before, after = new.get(first, network.ops[first]), network.ops[second]
    if {before.kind, after.kind} != {"dense"} or before.attributes["activation"] or any(before.inputs[1:]):
        return {}
    if gelu.attributes.get("approximate", "none") != "none" or y in after.inputs[1:] or not network.is_float32(x):
        return {}
    if any(network.shape(name) is None for op in (before, gelu, after) for name in (*op.reads, *op.outputs)):
        return {}  # without a kernel the nodes would run, which know nothing of this
    return {
        first: _times(before, network, GELU_FACTOR, GELU_FACTOR),
        i: gelu._replace(attributes={**gelu.attributes, "is_scaled": True}),
        second: _times(after, network, 1 / GELU_FACTOR, 1.0),
    }


def _times(op: Op, network: Network, scale: float, shift: float) -> Op:
    """An op whose weights and bias are multiplied by these."""
    a = op.attributes
    given = np.ones(_channels(op, network.shape(op.outputs[0]) or ())) if a["scale"] is None else a["scale"]
    term = None if a["shift"] is None else a["shift"] * shift
    return op._replace(attributes={**a, "scale": given * scale, "shift": term})


def _scaled(op: Op, network: Network) -> Op:
    a = op.attributes
    shape = network.shape(op.outputs[0]) or ()
    wanted = a["activation"].scaled(math.prod(shape)) if a["activation"] else None
    if wanted is None or any(op.inputs[1:2]):
        return op
    factor, activation = wanted
    op = _times(op, network, factor, factor)
    return op._replace(attributes={**op.attributes, "activation": activation})


def _channels(op: Op, shape: tuple[int, ...]) -> int:
    return shape[1] if op.attributes.get("layout") == "NCHW" else shape[-1]
