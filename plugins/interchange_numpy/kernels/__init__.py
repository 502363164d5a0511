"""The kernels: a file for each idea, imported when the first op of a kind that it computes is met."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from functools import cache

from interchange_numpy.kernel import Chooser, Order, c_order, channels_last
from interchange_numpy.network import Network

# module -> the kinds of ops in its `KERNELS`. Of two choosers for one kind, the earlier is asked first.
KINDS: Mapping[str, tuple[str, ...]] = {
    "views": ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity"),
    "elementwise": (
        *("Add", "Sub", "Mul", "Max", "Min", "Pow", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"),
        *("And", "Or", "Xor", "Not", "Div", "Neg", "Abs", "Sqrt", "Reciprocal", "Exp", "Log", "Floor", "Ceil"),
        *("Round", "Sin", "Cos"),
    ),
    "activation": ("activation",),
    "affine": ("affine",),
    "concat": ("Concat",),
    "curves": ("Celu", "Elu", "Erf", "Gelu", "Selu", "Tanh"),
    "softmax": ("Softmax", "LogSoftmax"),
    "normalization": ("LayerNormalization", "RMSNormalization"),
    "convolution": ("conv",),
    "transposed": ("transposed",),
    "resize": ("Resize",),
    "dense": ("dense",),
    "products": ("MatMul",),
    "attention": ("attention", "Attention"),
    "pad": ("Pad",),
    "pool": ("pool", "GlobalAveragePool", "ReduceMean"),
    "moving": ("Slice", "Split", "Concat", "Where", "Cast", "Expand", "Gather", "GatherND", "TopK"),
    "reduction": ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "CumSum"),
    "rnn": ("RNN", "GRU", "LSTM"),
    "volumes": ("AveragePool", "Conv", "MaxPool"),
}


@cache
def choosers(kind: str) -> Sequence[Chooser]:
    """Those that may have a kernel for this kind of op, in the order in which they are asked."""
    modules = (importlib.import_module(f"{__name__}.{name}") for name, kinds in KINDS.items() if kind in kinds)
    return [module.KERNELS[kind] for module in modules]


SPATIAL = frozenset(("Conv", "MaxPool", "AveragePool", "BatchNormalization", "GlobalAveragePool", "GlobalMaxPool"))


def preferred_order(name: str, network: Network) -> Order:
    """How an input of the graph is best put into memory: channels last if its first reader is spatial."""
    rank = len(network.forms[name].shape)
    first = next((op for op in network.ops if name in op.inputs), None)
    if first and first.nodes[0].op in SPATIAL and rank > 2 and first.nodes[0].attributes.get("layout") != "NHWC":
        return channels_last(rank)
    return c_order(rank)
