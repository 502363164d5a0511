"""Convolutions with constant weights, and what is done to their result: one op "conv".

Takes in the Pad before, and after it batch normalisation and other factors and terms for each channel, one residual and
an activation. The factors and terms stay in float64 until a kernel packs the weights, one weight at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interchange.ops._spatial import resolve_pads, window
from interchange_numpy.network import Network, Op, merged
from interchange_numpy.passes.chain import Chains, channel_axis
from interchange_numpy.passes.epilogue import take_epilogue

Pads = tuple[tuple[int, int], ...]


def convolution(network: Network) -> None:
    """Replaces Conv and its surroundings."""
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        if op.kind == "Conv" and not chains.is_taken(i) and is_known(op, network):
            _fuse(chains, i, op)
    chains.apply()


def is_known(op: Op, network: Network) -> bool:
    """Whether this is a convolution in one or two dimensions of float32 with constant weights, in groups or not."""
    x, w, *b = op.inputs
    if w not in network.constants or (b and b[0] and b[0] not in network.constants):
        return False
    shape = network.shape(x)
    if shape is None or len(shape) not in (3, 4) or not network.is_float32(x, w, op.outputs[0]):
        return False
    return bool(np.prod(network.shape(op.outputs[0]) or ()))


def _fuse(chains: Chains, i: int, op: Op) -> None:
    network = chains.network
    nhwc = op.attributes.get("layout", "NCHW") == "NHWC"
    kernel = network.constants[op.inputs[1]].shape[:-2] if nhwc else network.constants[op.inputs[1]].shape[2:]
    filters = network.constants[op.inputs[1]].shape[-1 if nhwc else 0]
    rank = len(kernel)
    strides = tuple(op.attributes.get("strides") or (1,) * rank)
    dilations = tuple(op.attributes.get("dilations") or (1,) * rank)
    shape = network.shape(op.inputs[0]) or ()
    places = shape[1:-1] if nhwc else shape[2:]
    padded = op.attributes.get("auto_pad", "NOTSET"), op.attributes.get("pads")
    pads = resolve_pads(places, window(kernel, dilations), strides, *padded)
    bias = network.constants[op.inputs[2]] if len(op.inputs) > 2 and op.inputs[2] else np.zeros(filters)
    shift = bias.astype(np.float64)
    chain = chains.start(i)
    x = op.inputs[0]
    before = chains.maker(x)
    if before is not None and network.ops[before].kind == "Pad" and chains.readers[x] == 1:
        more = zero_pads(network.ops[before], network, nhwc)
        if more is not None and not chains.is_taken(before):
            chain.prepend(before)
            x = network.ops[before].inputs[0]
            pads = tuple((a + c, b + d) for (a, b), (c, d) in zip(pads, more, strict=True))
    axis = channel_axis(rank + 2, nhwc)
    epilogue = take_epilogue(chain, shift, axis, network)
    chain.replace(
        merged(
            "conv",
            chain.ops(),
            (x, epilogue.residual),
            (chain.value,),
            weight=op.inputs[1],
            layout="NHWC" if nhwc else "NCHW",
            pads=pads,
            strides=strides,
            dilations=dilations,
            group=op.attributes.get("group", 1),
            **epilogue.attributes,
        )
    )


def zero_pads(op: Op, network: Network, nhwc: bool) -> Pads | None:
    """(before, after) for each spatial axis of a Pad with zeros; None if it does anything else."""
    if op.attributes.get("mode", "constant") != "constant" or len(op.inputs) < 2:
        return None
    value = network.scalar(op.inputs[2]) if len(op.inputs) > 2 and op.inputs[2] else 0.0
    pads = network.constants.get(op.inputs[1])
    rank = len(network.shape(op.inputs[0]) or ())
    if value != 0 or pads is None:
        return None
    axes: Sequence[int] = range(rank)
    if len(op.inputs) > 3 and op.inputs[3]:
        given = network.constants.get(op.inputs[3])
        if given is None:
            return None
        axes = [int(axis) % rank for axis in given]
    all_pads = [(0, 0)] * rank
    for k, axis in enumerate(axes):
        all_pads[axis] = (int(pads[k]), int(pads[len(axes) + k]))
    spatial = tuple(all_pads[1:-1] if nhwc else all_pads[2:])
    others = (all_pads[0], all_pads[-1 if nhwc else 1])
    return spatial if not any(map(any, others)) and min(map(min, spatial)) >= 0 else None
