"""Factors that activation functions want go into the weights before them, which saves a pass over the result.

Swish by squaring (`squaring.py`) and hard swish begin with a multiplication by a number; EfficientNetB0 has 6 million
values of the one, MobileNetV3 of the other. Not where a residual is added in between, for that has no weights.
"""

from __future__ import annotations

import math

import numpy as np

from interchange_numpy.network import Network, Op

KINDS = frozenset(("conv", "dense", "affine"))


def scaled(network: Network) -> None:
    """Multiplies the attributes "scale" and "shift" of ops by what their activation wants."""
    if not network.precise:
        network.ops = [_scaled(op, network) if op.kind in KINDS else op for op in network.ops]


def _scaled(op: Op, network: Network) -> Op:
    a = op.attributes
    shape = network.shape(op.outputs[0]) or ()
    wanted = a["activation"].scaled(math.prod(shape)) if a["activation"] else None
    if wanted is None or any(op.inputs[1:2]):
        return op
    factor, activation = wanted
    op = times(op, factor, network)
    return op._replace(attributes={**op.attributes, "activation": activation})


def times(op: Op, factor: float, network: Network) -> Op:
    """An op whose weights and bias, its attributes "scale" and "shift", are multiplied by a number."""
    scale, shift = (None if given is None else given * factor for given in map(op.attributes.get, ("scale", "shift")))
    if scale is None:
        shape = network.shape(op.outputs[0]) or ()
        scale = np.full(shape[1] if op.attributes.get("layout") == "NCHW" else shape[-1], factor)
    return op._replace(attributes={**op.attributes, "scale": scale, "shift": shift})
