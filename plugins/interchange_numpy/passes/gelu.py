"""x (1 + erf(x / √2)) / 2, as converters write it, becomes one op "Gelu"; the factors may stand in any order."""

from __future__ import annotations

import math

from interchange_numpy.network import Network, Op, merged
from interchange_numpy.passes.chain import Chains


def gelu(network: Network) -> None:
    if network.precise:
        return
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        if op.kind == "Erf":
            _fuse(chains, i, op)
    chains.apply()


def _fuse(chains: Chains, i: int, erf: Op) -> None:
    network = chains.network
    first = chains.maker(erf.inputs[0])
    if first is None or chains.only_reader(erf.inputs[0]) != i:
        return
    x = _times(network, network.ops[first], math.sqrt(0.5))
    after = chains.only_reader(erf.outputs[0])
    if x is None or after is None or not _adds_one(network, network.ops[after]):
        return
    taken, value, missing = [first, i, after], network.ops[after].outputs[0], {"half", "x"}
    while missing:
        number = chains.only_reader(value)
        factor = None if number is None else _factor(chains, network.ops[number], value, x)
        if number is None or factor is None or not factor[0] <= missing:
            return
        taken += [number, *factor[1]]
        missing -= factor[0]
        value = network.ops[number].outputs[0]
    if network.shape(x) is None or network.shape(x) != network.shape(value):
        return
    taken.sort()
    chains.take(taken, merged("Gelu", [network.ops[k] for k in taken], (x,), (value,)))


def _factor(chains: Chains, op: Op, value: str, x: str) -> tuple[set[str], list[int]] | None:
    """What a Mul multiplies `value` by: ½, x, or x / 2, with the ops that make that."""
    network = chains.network
    if op.kind != "Mul" or set(op.inputs) == {value}:
        return None
    (other,) = (name for name in op.inputs if name != value)
    if other == x:
        return {"x"}, []
    if network.scalar(other) == 0.5:
        return {"half"}, []
    made = chains.maker(other)
    if made is not None and chains.readers[other] == 1 and _times(network, network.ops[made], 0.5) == x:
        return {"half", "x"}, [made]
    return None


def _times(network: Network, op: Op, factor: float) -> str | None:
    """The value that an op multiplies by this number."""
    if op.kind == "Div":
        x, number = op.inputs[0], network.scalar(op.inputs[1])
        return x if number and math.isclose(1 / number, factor, rel_tol=1e-6) else None
    if op.kind != "Mul":
        return None
    for x, other in (op.inputs, op.inputs[::-1]):
        number = network.scalar(other)
        if number is not None and math.isclose(number, factor, rel_tol=1e-6):
            return x
    return None


def _adds_one(network: Network, op: Op) -> bool:
    return op.kind == "Add" and any(network.scalar(name) == 1 for name in op.inputs)
