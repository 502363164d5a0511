"""Factors for each channel of each image, as squeeze-and-excitation makes them: into the weights of the next 1x1.

x (image, pixels, channels) * s (image, 1, channels) @ W = x @ (s W): where an image has more pixels than there are
filters, the weights are fewer than what would be multiplied. J. Hu, L. Shen, G. Sun, "Squeeze-and-excitation
networks", 2018. EfficientNetB0: 0.8 of 45 ms.
"""

from __future__ import annotations

from interchange_numpy.geometry import geometry
from interchange_numpy.network import Network, Op
from interchange_numpy.passes.chain import Chains, channel_axis


def squeeze_excite(network: Network) -> None:
    """Gives convolutions a third input, the factors; it comes after the pass that makes ops "conv"."""
    if network.precise:
        return
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        after = chains.only_reader(op.outputs[0]) if op.kind == "Mul" else None
        if after is None or chains.is_taken(after):
            continue
        conv = network.ops[after]
        if conv.kind != "conv" or conv.inputs[0] != op.outputs[0] or not _is_worth(conv, network):
            continue
        x, factors = _operands(op, network, nhwc=conv.attributes["layout"] == "NHWC")
        if x:
            inputs = (x, conv.inputs[1], factors)
            chains.take([i, after], conv._replace(inputs=inputs, nodes=(*op.nodes, *conv.nodes)))
    chains.apply()


def _is_worth(conv: Op, network: Network) -> bool:
    g = geometry(conv, network)
    return g.is_pointwise and g.strides == (1, 1) and g.size[0] * g.size[1] > g.filters


def _operands(op: Op, network: Network, *, nhwc: bool) -> tuple[str, str]:
    """The images and the factors; two empty names where the op is no such product."""
    shape = network.shape(op.outputs[0]) or ()
    axis = channel_axis(len(shape), nhwc)
    small = tuple(n if i in (0, axis) else 1 for i, n in enumerate(shape))
    for x, factors in (op.inputs, op.inputs[::-1]):
        known = x in network.constants or factors in network.constants
        if network.shape(x) == shape and network.shape(factors) == small != shape and not known:
            return x, factors
    return "", ""
