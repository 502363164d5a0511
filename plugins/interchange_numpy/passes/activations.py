"""Activation functions, however a converter wrote them, become ops "activation".

`x * Sigmoid(x)` is swish, `x * HardSigmoid(x)` hard swish, `Min(Relu(x), 6)` and `Max(Min(x, 6), 0)` are a Clip.
"""

from __future__ import annotations

import math

from interchange_numpy.activations import Activation, recognise
from interchange_numpy.network import Network, Op, merged
from interchange_numpy.passes.chain import Chains

WITH_PRODUCT = {"Sigmoid": "Swish", "HardSigmoid": "HardSwish"}  # what it is, multiplied by its operand
EXACT = ("Clip", "Tanh")  # kinds that give NaN and infinity as the operators do


def activations(network: Network) -> None:
    _products(network)
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        found = None if chains.is_taken(i) else _activation(op, network)
        if found is None:
            continue
        chain = chains.start(i)
        while (following := chain.next()) is not None:
            more = _activation(following, network)
            joined = _joined(found, more) if more else None
            if joined is None:
                break
            chain.append(following)
            found = joined
        chain.replace(merged("activation", chain.ops(), (_operand(op, network),), (chain.value,), activation=found))
    chains.apply()


def _products(network: Network) -> None:
    """x * Sigmoid(x) becomes one op "Swish", x * HardSigmoid(x) one "HardSwish" with the attributes of the former."""
    if network.precise:
        return
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        if op.kind not in WITH_PRODUCT:
            continue
        after = chains.only_reader(op.outputs[0])
        if after is None or network.ops[after].kind != "Mul":
            continue
        product = network.ops[after]
        if set(product.inputs) == {op.inputs[0], op.outputs[0]}:
            kind = WITH_PRODUCT[op.kind]
            chains.take([i, after], merged(kind, [op, product], op.inputs, product.outputs, **op.attributes))
    chains.apply()


def _activation(op: Op, network: Network) -> Activation | None:
    if len(op.outputs) != 1 or not network.is_float32(op.outputs[0]) or _operand(op, network) == "":
        return None
    if network.shape(_operand(op, network)) != network.shape(op.outputs[0]):
        return None
    found = _limit(op, network) if op.kind in ("Min", "Max") else recognise(op, network)
    return None if found is None or (network.precise and found.kind not in EXACT) else found


def _operand(op: Op, network: Network) -> str:
    """The input that is no constant; "" if there are more or it is not float32."""
    computed = [name for name in op.inputs if name and name not in network.constants]
    return computed[0] if len(computed) == 1 and network.is_float32(computed[0]) else ""


def _limit(op: Op, network: Network) -> Activation | None:
    """Min or Max with a number."""
    numbers = [network.scalar(name) for name in op.inputs if name in network.constants]
    if len(op.inputs) != 2 or len(numbers) != 1 or numbers[0] is None or math.isnan(numbers[0]):
        return None
    return Activation("Clip", high=numbers[0]) if op.kind == "Min" else Activation("Clip", low=numbers[0])


def _joined(first: Activation, second: Activation) -> Activation | None:
    """One limit after another as one, if that is possible."""
    if first.kind != "Clip" or second.kind != "Clip":
        return None
    low, high = max(first.low, second.low), min(first.high, second.high)
    return first._replace(low=low, high=high) if low <= high else None
