"""Pools, with the Pad before them where it pads with zeros: ops "pool"."""

from __future__ import annotations

from typing import Any

from interchange.ops._spatial import resolve_pads, window
from interchange_numpy.network import Network, Op, merged
from interchange_numpy.passes.chain import Chains
from interchange_numpy.passes.convolution import zero_pads

Pads = tuple[tuple[int, int], ...]


def pools(network: Network) -> None:
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        attributes = _sizes(op, network) if op.kind in ("MaxPool", "AveragePool") else None
        if attributes is None or chains.is_taken(i):
            continue
        chain, x, pads = chains.start(i), op.inputs[0], attributes["pads"]
        before = chains.maker(x)
        if before is not None and network.ops[before].kind == "Pad" and chains.only_reader(x) == i:
            more = zero_pads(network.ops[before], network, attributes["layout"] == "NHWC")
            if more is not None and not chains.is_taken(before) and not any(map(any, pads)):
                chain.prepend(before)
                x = network.ops[before].inputs[0]
                attributes |= {"pads": more, "zeros": True, "count_pads": True}  # they are values like all others
        chain.replace(merged("pool", chain.ops(), (x,), op.outputs[:1], **attributes))
    chains.apply()


def _sizes(op: Op, network: Network) -> dict[str, Any] | None:
    """The attributes of an op "pool"; None where the operators have to do it."""
    a = op.attributes
    shape = network.shape(op.inputs[0])
    if shape is None or len(shape) not in (3, 4) or not network.is_float32(op.inputs[0], op.outputs[0]) or 0 in shape:
        return None
    largest = op.kind == "MaxPool"
    if any(op.outputs[1:]) or any(d != 1 for d in a.get("dilations") or ()) or (network.precise and not largest):
        return None
    nhwc = a.get("layout", "NCHW") == "NHWC"
    kernel = tuple(a["kernel_shape"])
    strides = tuple(a.get("strides") or (1,) * len(kernel))
    places = shape[1:-1] if nhwc else shape[2:]
    extent = window(kernel, (1,) * len(kernel))
    pads = resolve_pads(places, extent, strides, a.get("auto_pad", "NOTSET"), a.get("pads"))
    if a.get("ceil_mode", 0) or any(end >= k for pair, k in zip(pads, kernel, strict=True) for end in pair):
        return None  # windows that hang over, or that see nothing but padding
    return {
        "largest": largest,
        "kernel": kernel,
        "strides": strides,
        "pads": pads,
        "zeros": False,
        "count_pads": bool(a.get("count_include_pad", 0)),
        "layout": "NHWC" if nhwc else "NCHW",
    }
