"""What convolutions and pools read beyond its edge gets a border of zeros in memory: nothing is copied to pad it.

Only where every reader can work on rows that lie apart, and the maker writes its output element by element.
"""

from __future__ import annotations

from typing import NamedTuple

from interchange_numpy.geometry import Pair, geometry, padding
from interchange_numpy.kernel import c_order, channels_last
from interchange_numpy.network import Halo, Network, Op

# Kinds that can read rows which lie apart, and write them.
MAKERS = frozenset(("conv", "pool", "affine", "Add", "Concat", "Mul", "Sub", "Div", "activation"))


class Reads(NamedTuple):
    """How the ops of a network read its values.

    Args:
        wanted: by name, the zeros that each reader wants around a value, and whether it wants channels last.
        refused: names of values that cannot have a border.
    """

    wanted: dict[str, list[tuple[tuple[Pair, ...], bool]]]
    refused: set[str]


def halos(network: Network) -> None:
    """Fills `network.halos`."""
    makers = {name: op for op in network.ops for name in op.outputs}
    reads = _reads(network)
    pooled = {(op.inputs[0], op.attributes["layout"] == "NHWC") for op in network.ops if op.kind == "pool"}
    for name, readers in reads.wanted.items():
        if name in reads.refused or not (name in network.inputs or _makes_rows(makers.get(name))):
            continue
        layouts = {nhwc for _, nhwc in readers} | {nhwc for value, nhwc in pooled if value == name}
        largest = tuple(tuple(max(pads[axis][end] for pads, _ in readers) for end in (0, 1)) for axis in (0, 1))
        if len(layouts) > 1 or not any(map(any, largest)):
            continue
        network.halos[name] = _halo(largest, len(network.shape(name) or ()), layouts.pop())


def _reads(network: Network) -> Reads:
    reads = Reads({}, set(network.outputs))
    for op in network.ops:
        if op.kind == "conv":
            g = geometry(op, network)
            if g.is_pointwise:
                reads.refused.add(op.inputs[0])
            else:
                pads = padding(g, precise=network.precise)
                reads.wanted.setdefault(op.inputs[0], []).append((pads, op.attributes["layout"] == "NHWC"))
            reads.refused.update(name for name in op.reads if name not in op.inputs)
        elif op.kind == "pool" and any(map(any, op.attributes["pads"])):
            a = op.attributes
            if len(a["pads"]) == 2 and (a["zeros"] or not a["largest"]):
                reads.wanted.setdefault(op.inputs[0], []).append((a["pads"], a["layout"] == "NHWC"))
            else:  # a border of something else
                reads.refused.add(op.inputs[0])
        elif op.kind not in MAKERS:
            reads.refused.update(op.reads)
    return reads


def _makes_rows(op: Op | None) -> bool:
    return op is not None and op.kind in MAKERS


def _halo(pads: tuple[tuple[int, ...], ...], rank: int, nhwc: bool) -> Halo:
    spatial = tuple((before, after) for before, after in pads)[-(rank - 2) :]
    none = (0, 0)
    if nhwc:
        return Halo((none, *spatial, none), c_order(rank))
    return Halo((none, none, *spatial), channels_last(rank))
