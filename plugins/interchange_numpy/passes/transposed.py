"""ConvTranspose in one or two dimensions, and what is done to its result: one op "transposed"."""

from __future__ import annotations

import numpy as np

from interchange.ops._spatial import transposed_geometry
from interchange_numpy.network import Network, Op, merged
from interchange_numpy.passes.chain import Chains, channel_axis
from interchange_numpy.passes.convolution import is_known
from interchange_numpy.passes.epilogue import take_epilogue


def transposed(network: Network) -> None:
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        is_whole = op.kind == "ConvTranspose" and op.attributes.get("group", 1) == 1
        if is_whole and not chains.is_taken(i) and is_known(op, network):
            _fuse(chains, i, op)
    chains.apply()


def _fuse(chains: Chains, i: int, op: Op) -> None:
    network, a = chains.network, op.attributes
    nhwc = a.get("layout", "NCHW") == "NHWC"
    shape, weight = network.shape(op.inputs[0]) or (), network.constants[op.inputs[1]]
    x = np.broadcast_to(np.float32(0), shape if nhwc else (shape[0], *shape[2:], shape[1]))
    w = weight if nhwc else weight.transpose(*range(2, weight.ndim), 1, 0)  # (*kernel, out, in)
    names = ("auto_pad", "dilations", "output_padding", "output_shape", "pads", "strides")
    auto_pad, *rest = (a.get(name) for name in names)
    begins, _, strides, dilations = transposed_geometry(x, w, 1, auto_pad or "NOTSET", *rest)
    bias = network.constants[op.inputs[2]] if len(op.inputs) > 2 and op.inputs[2] else np.zeros(w.shape[-2])
    chain = chains.start(i)
    epilogue = take_epilogue(chain, bias.astype(np.float64), channel_axis(len(shape), nhwc), network)
    chain.replace(
        merged(
            "transposed",
            chain.ops(),
            (op.inputs[0], epilogue.residual),
            (chain.value,),
            weight=op.inputs[1],
            layout="NHWC" if nhwc else "NCHW",
            begins=begins,
            strides=strides,
            dilations=dilations,
            **epilogue.attributes,
        )
    )
