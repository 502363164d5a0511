"""A maximum over 2 x 2 outputs of a convolution is taken before they are written, and activated after that.

max(f(a), f(b)) is f(max(a, b)) for the f that a convolution takes in without scratch memory (limits, tanh), for NaN
too, and with the bias added before or after. So three quarters of the outputs are never stored.
"""

from __future__ import annotations

from interchange_numpy.geometry import geometry
from interchange_numpy.network import Network, Op
from interchange_numpy.passes.chain import Chains


def pooled(network: Network) -> None:
    """Lets ops "conv" make the output of the op "pool" after them; their own is named by the attribute "unpooled"."""
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        after = chains.only_reader(op.outputs[0]) if op.kind == "conv" and _is_plain(op) else None
        if after is None or not _is_of_four(network.ops[after], op) or geometry(op, network).is_pointwise:
            continue
        pool = network.ops[after]
        attributes = {**op.attributes, "unpooled": op.outputs[0]}
        nodes = (*op.nodes, *pool.nodes)
        chains.take([i, after], op._replace(outputs=pool.outputs, attributes=attributes, nodes=nodes))
    chains.apply()


def _is_plain(conv: Op) -> bool:
    a = conv.attributes
    increases = a["activation"] is None or not a["activation"].scratch(1)
    return a["group"] == 1 and len(a["strides"]) == 2 and not any(conv.inputs[1:]) and increases


def _is_of_four(pool: Op, conv: Op) -> bool:
    if pool.kind != "pool":
        return False
    a = pool.attributes
    is_same_layout = a["layout"] == conv.attributes["layout"]
    return a["largest"] and a["kernel"] == a["strides"] == (2, 2) and not any(map(any, a["pads"])) and is_same_layout
