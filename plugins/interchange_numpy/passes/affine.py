"""Batch normalisation, factors and terms for each channel that no convolution has taken in: one op "affine"."""

from __future__ import annotations

from interchange_numpy.network import Network, Op, merged
from interchange_numpy.passes.chain import Chains, channel_axis, per_channel
from interchange_numpy.passes.epilogue import take_epilogue


def affine(network: Network) -> None:
    """Replaces chains that begin with a BatchNormalization, together with the activation after them."""
    if network.precise:
        return
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        if op.kind == "BatchNormalization" and not chains.is_taken(i):
            _fuse(chains, i, op)
    chains.apply()


def _fuse(chains: Chains, i: int, op: Op) -> None:
    network, x = chains.network, op.inputs[0]
    shape = network.shape(x)
    if shape is None or len(shape) < 2 or 0 in shape or not network.is_float32(x):
        return
    axis = channel_axis(len(shape), op.attributes.get("layout", "NCHW") == "NHWC")
    found = per_channel(op, x, axis, network)
    if found is None:
        return
    scale, shift = found
    chain = chains.start(i)
    epilogue = take_epilogue(chain, shift, axis, network, scale=scale, adds=False)
    chain.replace(merged("affine", chain.ops(), (x,), (chain.value,), axis=axis, **epilogue.attributes))
