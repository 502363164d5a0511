"""Batch normalisation, factors and terms for each channel that no convolution has taken in: one op "affine"."""

from __future__ import annotations

import numpy as np

from interchange_numpy.network import Network, Op, merged
from interchange_numpy.passes.chain import Chains, channel_axis, per_channel
from interchange_numpy.passes.epilogue import take_epilogue

# Of what is added to an image in the end: x * scale + shift rounds both, (x - mean) * scale only the difference.
MOST_SHIFT = 8.0


def affine(network: Network) -> None:
    """Replaces chains that begin with a BatchNormalization, together with the activation after them, and two or more
    factors and terms of images, as in front of a network that takes pixels."""
    if network.precise:
        return
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        if chains.is_taken(i):
            continue
        if op.kind == "BatchNormalization":
            shape = network.shape(op.inputs[0])
            if shape is not None and len(shape) > 1:
                _fuse(chains, i, op, channel_axis(len(shape), op.attributes.get("layout", "NCHW") == "NHWC"), least=1)
        elif op.kind in ("Mul", "Add", "Sub", "Div") and len(network.shape(op.outputs[0]) or ()) == 4:
            _fuse(chains, i, op, 3, least=2, most_shift=MOST_SHIFT)
    chains.apply()


def _fuse(chains: Chains, i: int, op: Op, axis: int, *, least: int, most_shift: float = np.inf) -> None:
    network = chains.network
    x = next((name for name in op.inputs if name not in network.constants), "")
    shape = network.shape(x) if x else None
    found = per_channel(op, x, axis, network) if shape and 0 not in shape and network.is_float32(x) else None
    if found is None:
        return
    scale, shift = found
    chain = chains.start(i)
    epilogue = take_epilogue(chain, shift, axis, network, scale=scale, adds=False)
    ops = chain.ops()
    if len(ops) >= least and (epilogue.shift is None or np.abs(epilogue.shift).max() <= most_shift):
        chain.replace(merged("affine", ops, (x,), (chain.value,), axis=axis, **epilogue.attributes))
