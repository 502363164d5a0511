"""The kernels: a file for each idea, whose `KERNELS` says which kind of op it may compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interchange_numpy.kernel import Chooser, Order, c_order, channels_last
from interchange_numpy.kernels import (
    activation,
    affine,
    attention,
    concat,
    convolution,
    curves,
    dense,
    elementwise,
    moving,
    normalization,
    pad,
    pool,
    products,
    reduction,
    resize,
    rnn,
    softmax,
    transposed,
    views,
    volumes,
)
from interchange_numpy.network import Network

# Of two choosers for one kind, the earlier is asked first.
MODULES = (
    views,
    elementwise,
    activation,
    affine,
    concat,
    curves,
    softmax,
    normalization,
    convolution,
    transposed,
    resize,
    dense,
    products,
    attention,
    pad,
    pool,
    moving,
    reduction,
    rnn,
    volumes,
)

_BY_KIND: dict[str, Sequence[Chooser]] = {}
for _module in MODULES:
    for _kind, _chooser in _module.KERNELS.items():
        _BY_KIND[_kind] = (*_BY_KIND.get(_kind, ()), _chooser)
CHOOSERS: Mapping[str, Sequence[Chooser]] = _BY_KIND

SPATIAL = frozenset(("Conv", "MaxPool", "AveragePool", "BatchNormalization", "GlobalAveragePool", "GlobalMaxPool"))


def preferred_order(name: str, network: Network) -> Order:
    """How an input of the graph is best put into memory: channels last if its first reader is spatial."""
    rank = len(network.forms[name].shape)
    first = next((op for op in network.ops if name in op.inputs), None)
    if first and first.nodes[0].op in SPATIAL and rank > 2 and first.nodes[0].attributes.get("layout") != "NHWC":
        return channels_last(rank)
    return c_order(rank)
