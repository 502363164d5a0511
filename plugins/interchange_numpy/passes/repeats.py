"""What is computed twice is computed once: ops of one kind with the same inputs and attributes.

Importers write the same few ops for each layer that has the same mask: a masked Bidirectional and a layer after it
gather by the same order of steps, which takes a TopK each.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from interchange.graph import Array
from interchange_numpy.network import RANDOM, Network, Op

MOST_COMPARED = 4096  # bytes of a constant that is told by its content, not by its name


def repeats(network: Network) -> None:
    first: dict[Hashable, Op] = {}
    same: dict[str, str] = {}
    kept: list[Op] = []
    bodies = {name for op in network.ops for node in op.nodes for name in node.reads if name not in node.inputs}
    needed = bodies | set(network.outputs)  # under their own names
    for old in network.ops:
        op = _renamed(old, same)
        key = _key(op, network)
        twin = None if key is None else first.setdefault(key, op)
        if twin is None or twin is op or not needed.isdisjoint(op.outputs):
            kept.append(op)
        else:
            same.update(zip(op.outputs, twin.outputs, strict=True))
    network.ops = kept


def _renamed(op: Op, same: dict[str, str]) -> Op:
    inputs = tuple(same.get(name, name) for name in op.inputs)
    if inputs == op.inputs:
        return op
    (node,) = op.nodes
    return op._replace(inputs=inputs, nodes=(replace(node, inputs=inputs),))


def _key(op: Op, network: Network) -> Hashable | None:
    """What is equal for ops that make the same; None for what makes other values each time, or is not plain."""
    if op.kind in RANDOM or any(name not in network.forms for name in op.outputs):
        return None
    inputs = tuple(_content(network.constants.get(name), name) for name in op.inputs)
    key = (op.kind, inputs, tuple(sorted(op.attributes.items())), len(op.outputs))
    try:
        hash(key)
    except TypeError:  # bodies
        return None
    return key


def _content(constant: Array | None, name: str) -> Hashable:
    if constant is None or constant.nbytes > MOST_COMPARED or constant.dtype.hasobject:
        return name
    return constant.dtype.str, constant.shape, constant.tobytes()
