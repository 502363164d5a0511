"""Products with a constant matrix, and what is done to their result: one op "dense".

MatMul and Gemm with terms and factors for each column, one residual and an activation after them.
"""

from __future__ import annotations

import numpy as np

from interchange.graph import Array
from interchange_numpy.network import Network, Op, merged
from interchange_numpy.passes.chain import Chains
from interchange_numpy.passes.epilogue import take_epilogue


def dense(network: Network) -> None:
    chains = Chains(network)
    for i, op in enumerate(network.ops):
        if op.kind in ("MatMul", "Gemm") and not chains.is_taken(i) and _is_known(op, network):
            _fuse(chains, i, op)
    chains.apply()


def _is_known(op: Op, network: Network) -> bool:
    """Whether the right operand is a constant matrix of float32, and all else is plain."""
    x, w, *c = op.inputs
    weight = network.constants.get(w)
    if weight is None or weight.ndim != 2 or not network.is_float32(x, w, op.outputs[0]) or x in network.constants:
        return False
    shape = network.shape(op.outputs[0]) or ()
    if not shape or 0 in shape or len(network.shape(x) or ()) < 1:
        return False
    if op.kind == "MatMul":
        return True
    a = op.attributes
    if a.get("alpha", 1.0) != 1.0 or a.get("beta", 1.0) != 1.0 or a.get("transA", 0):
        return False
    return not c or not c[0] or (c[0] in network.constants and network.constants[c[0]].size in (1, shape[-1]))


def _fuse(chains: Chains, i: int, op: Op) -> None:
    network = chains.network
    columns = (network.shape(op.outputs[0]) or ())[-1]
    shift: Array = np.zeros(columns)
    if len(op.inputs) > 2 and op.inputs[2]:
        shift = shift + network.constants[op.inputs[2]].astype(np.float64).reshape(-1)
    chain = chains.start(i)
    axis = len(network.shape(op.outputs[0]) or ()) - 1
    epilogue = take_epilogue(chain, shift, axis, network)
    chain.replace(
        merged(
            "dense",
            chain.ops(),
            (op.inputs[0], epilogue.residual),
            (chain.value,),
            weight=op.inputs[1],
            transposed=bool(op.attributes.get("transB", 0)),
            **epilogue.attributes,
        )
    )
