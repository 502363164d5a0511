"""Attention: softmax(scale * q k + mask) v, written as products, becomes one op "attention".

Put together are MatMul, then Mul or Div by a number, Where with a number or Add (a mask, in any order with the factor
before), Softmax along the last axis, MatMul.
"""

from __future__ import annotations

from typing import NamedTuple

from interchange_numpy.network import Network, Op, merged

MOST_RANK = 4


class Scores(NamedTuple):
    """What the softmax is taken of.

    Args:
        ops: those that make the scores, the last first.
        where: the name of a condition, and `fill` what stands where it does not hold.
        add: the name of what is added.
    """

    q: str = ""
    k: str = ""
    ops: tuple[Op, ...] = ()
    scale: float = 1.0
    where: str = ""
    fill: float = 0.0
    add: str = ""


def attention(network: Network) -> None:
    """Replaces the ops around a Softmax."""
    if network.precise:
        return
    makers = {name: op for op in network.ops for name in op.outputs if name}
    readers = network.readers()
    places = {id(op): i for i, op in enumerate(network.ops)}
    new: dict[int, Op | None] = {}
    for softmax in network.ops:
        if softmax.kind != "Softmax":
            continue
        product = _only_reader(network, softmax.outputs[0])
        scores = _scores(network, softmax, makers, readers)
        if product is None or scores is None or not _fits(network, softmax, product, scores):
            continue
        ops = sorted((*scores.ops, softmax, product), key=lambda op: places[id(op)])
        new.update((places[id(op)], None) for op in ops)
        inputs = (scores.q, scores.k, product.inputs[1], scores.where, scores.add)
        attributes = {"scale": scores.scale, "fill": scores.fill}
        new[places[id(product)]] = merged("attention", ops, inputs, product.outputs, **attributes)
    network.ops = [op for i, old in enumerate(network.ops) if (op := new.get(i, old)) is not None]


def _only_reader(network: Network, name: str) -> Op | None:
    """The op that alone reads a value, which is no output of the graph."""
    reading = [op for op in network.ops if name in op.reads]
    return reading[0] if len(reading) == 1 and name not in network.outputs else None


def _scores(network: Network, softmax: Op, makers: dict[str, Op], readers: dict[str, int]) -> Scores | None:
    """What is before the softmax, back to the product."""
    name, ops, shape = softmax.inputs[0], list[Op](), network.shape(softmax.inputs[0])
    found = Scores()
    while readers[name] == 1 and name in makers:
        op = makers[name]
        ops.append(op)
        if op.kind == "MatMul":
            return found._replace(q=op.inputs[0], k=op.inputs[1], ops=tuple(ops))
        before = _before(network, makers, op, found)
        if before is None or network.shape(before[0]) != shape:
            return None
        name, found = before
    return None


def _before(network: Network, makers: dict[str, Op], op: Op, found: Scores) -> tuple[str, Scores] | None:
    """The value that one op before the softmax is computed from, and `found` with what the op does."""
    if op.kind in ("Mul", "Div") and found.scale == 1:
        for x, other in (op.inputs, op.inputs[::-1]):
            number = network.scalar(other)
            if number and (op.kind == "Mul" or other == op.inputs[1]):
                return x, found._replace(scale=number if op.kind == "Mul" else 1 / number)
    if found.scale != 1 or found.where or found.add:
        return None
    if op.kind == "Where" and (fill := network.scalar(op.inputs[2])) is not None:
        return op.inputs[1], found._replace(where=op.inputs[0], fill=fill)
    if op.kind == "Add":
        shape = network.shape(op.outputs[0])
        made = [name for name in op.inputs if name in makers and makers[name].kind in ("MatMul", "Mul", "Div")]
        scores = [name for name in made if network.shape(name) == shape]
        if len(scores) == 1:
            return scores[0], found._replace(add=op.inputs[1 - op.inputs.index(scores[0])])
    return None


def _fits(network: Network, softmax: Op, product: Op, scores: Scores) -> bool:
    """Whether all are of float32, and q, k and v have the same leading axes."""
    if product.kind != "MatMul" or product.inputs[0] != softmax.outputs[0] or product.inputs[1] == product.inputs[0]:
        return False
    names = (scores.q, scores.k, product.inputs[1])
    shapes = [network.shape(name) for name in names]
    if not network.is_float32(*names, product.outputs[0]) or any(name in network.constants for name in names):
        return False
    if scores.add and not network.is_float32(scores.add):
        return False
    q, k, v = (shape or () for shape in shapes)
    rank = len(q)
    if not 3 <= rank <= MOST_RANK or {len(k), len(v)} != {rank} or not q[:-2] == k[:-2] == v[:-2]:
        return False
    return softmax.attributes.get("axis", -1) in (-1, rank - 1) and 0 not in (*q, *k, *v)
