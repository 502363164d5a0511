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
    scale, shift = (None if given is None else given * factor for given in (a["scale"], a["shift"]))
    if scale is None:
        scale = np.full(_channels(op, shape), factor)
    return op._replace(attributes={**a, "scale": scale, "shift": shift, "activation": activation})


def _channels(op: Op, shape: tuple[int, ...]) -> int:
    return shape[1] if op.attributes.get("layout") == "NCHW" else shape[-1]
