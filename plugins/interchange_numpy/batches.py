"""A batch in several threads: each runs a whole plan on images of its own, and none waits for another.

Threads that share tiles wait for each other at the end of each layer; here they do so once in a run. Two take 0.61 of
the time of one for 32 images through the small network and 0.54 for two through MobileNetV2, by tiles 0.67 and 0.63
(`tests/benchmarks/threads.py`; two processes side by side take 0.50 to 0.54). A batch is divided where every op is
known to treat the entries of axis 0 one by one (`are_apart`) and the parts come out nearly equal.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from interchange.errors import BadInput
from interchange.graph import Array
from interchange_numpy import tiles
from interchange_numpy.network import Network, Op
from interchange_numpy.plan import Plan
from interchange_numpy.threads import Workers

MOST_UNEQUAL = 1.25  # how much more than its equal share a thread may get

# Operators whose first input alone has a batch, and that never mix its entries; weights and the like are constants.
# Those that give the values another shape and keep the first axis do not move its entries either.
OF_ROWS = frozenset(
    (
        *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Pad", "Resize"),
        *("BatchNormalization", "Relu", "LeakyRelu", "Elu", "Celu", "Selu", "Clip", "Sigmoid", "HardSigmoid", "Tanh"),
        *("Swish", "HardSwish", "Gelu", "Erf", "Softplus", "Softsign", "Mish", "Abs", "Neg", "Exp", "Log", "Sqrt"),
        *("Reciprocal", "Floor", "Ceil", "Round", "Sin", "Cos", "Cast", "Identity"),
        *("Reshape", "Flatten", "Squeeze", "Unsqueeze"),
        *("Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization"),
        *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "Transpose", "Gemm", "MatMul", "Slice"),
    )
)
ELEMENTWISE = frozenset(("Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Sum", "Where", "PRelu", "Concat"))


class BatchPlan:
    """A plan for each share of a batch, of the same interface as a plan of all."""

    def __init__(self, plans: Sequence[Plan], shares: Sequence[slice], shapes: Mapping[str, Any], workers: Workers):
        self.plans = plans
        self._shares = shares
        self._shapes = shapes
        self._workers = workers
        workers.settle_blas()

    @property
    def fallbacks(self) -> list[Op]:
        """The ops that run through the operators."""
        return self.plans[0].fallbacks

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name. Raises as `Plan.run` does."""
        outputs = {name: np.empty(known.shape, known.dtype) for name, known in self._shapes.items()}
        groups = []
        for plan, share in zip(self.plans, self._shares, strict=True):
            part = {name: value[share] for name, value in feeds.items()}
            groups.append([(plan.run, (part, {name: value[share] for name, value in outputs.items()}))])
        self._workers.run(groups[0], groups[1:])
        return outputs


def batch_plan(
    whole: Network, lowered: Callable[[Mapping[str, tuple[int, ...]]], Network], workers: Workers
) -> BatchPlan | None:
    """Plans for the shares of a batch; None where it cannot be divided, or that is no gain.

    Args:
        whole: the network of the whole batch, as it was lowered.
        lowered: makes the network for other shapes.
    """
    shapes = {name: whole.forms[name].shape if name in whole.forms else () for name in whole.inputs}
    sizes = {shape[:1] for shape in shapes.values()}
    threads = workers.threads
    if threads == 1 or len(sizes) != 1 or sizes == {()}:
        return None
    (images,) = sizes.pop()
    if -(-images // threads) * threads > MOST_UNEQUAL * images or images < threads:
        return None
    if multiplications(whole) < threads * tiles.LEAST_SHARED:
        return None
    bounds = [images * i // threads for i in range(threads + 1)]
    shares = [slice(first, last) for first, last in itertools.pairwise(bounds)]
    networks = []
    for share in shares:
        size = share.stop - share.start
        try:
            part = lowered({name: (size, *shape[1:]) for name, shape in shapes.items()})
        except BadInput:  # the size of the batch is written into the graph
            return None
        if not are_apart(whole, part, images, size):
            return None
        networks.append(part)
    outputs = {name: whole.forms[name] for name in whole.outputs}
    return BatchPlan([Plan(network) for network in networks], shares, outputs, workers)


def multiplications(network: Network) -> int:
    """About how many multiplications the convolutions and products with constants take."""
    total = 0
    for op in network.ops:
        if op.kind in ("Conv", "ConvTranspose", "Gemm", "MatMul") and op.inputs[1] in network.constants:
            shape = network.shape(op.outputs[0]) or (0,)
            first = op.kind.startswith("Conv") and op.attributes.get("layout", "NCHW") == "NCHW"
            channels = shape[1 if first else -1]
            total += math.prod(shape) // max(channels, 1) * network.constants[op.inputs[1]].size
    return total


def are_apart(whole: Network, part: Network, images: int, size: int) -> bool:
    """Whether `part`, of fewer entries along axis 0, does to them what `whole` does to each of its own.

    So it is if all that is computed has the batch as its axis 0, no op mixes its entries, and both have the same
    constants: what the graph makes of the size of its batch would be another number.
    """
    if len(whole.ops) != len(part.ops):
        return False
    for op, twin in zip(whole.ops, part.ops, strict=True):
        names = [name for name in (*op.inputs, *op.outputs) if name]
        if (op.kind, op.inputs, op.outputs) != (twin.kind, twin.inputs, twin.outputs) or not _keeps_rows(op, whole):
            return False
        # the shape that a Reshape is given may have the size of the batch in it: what it makes is looked at
        known = [name for name in names if name in whole.constants and op.kind != "Reshape"]
        computed = [name for name in names if name not in whole.constants]
        if not all(name in part.constants and _equal(whole.constants[name], part.constants[name]) for name in known):
            return False
        if not all(_has_batch(whole.shape(name), part.shape(name), images, size) for name in computed):
            return False
    return all(name in whole.forms for name in whole.outputs)


def _equal(a: Array, b: Array) -> bool:
    return a is b or (a.dtype == b.dtype and np.array_equal(a, b))


def _has_batch(whole: tuple[int, ...] | None, part: tuple[int, ...] | None, images: int, size: int) -> bool:
    return whole is not None and whole[:1] == (images,) and part == (size, *whole[1:])


def _keeps_rows(op: Op, network: Network) -> bool:
    """Whether each entry of the output's axis 0 depends on that entry of the inputs alone, if all have the batch."""
    rank = len(network.shape(op.outputs[0]) or ())
    constants = [network.constants[name] for name in op.inputs if name in network.constants]
    computed = [network.shape(name) or () for name in op.inputs if name and name not in network.constants]
    along = all(len(shape) == rank for shape in computed)
    if op.kind in ELEMENTWISE:
        across = all(array.ndim < rank or array.shape[0] == 1 for array in constants)
        return along and across and (op.kind != "Concat" or (not constants and op.attributes["axis"] % rank != 0))
    if op.kind == "MatMul" and not constants:
        return along and rank > 2
    if op.kind not in OF_ROWS or any(name not in network.constants for name in op.inputs[1:] if name):
        return False
    match op.kind:
        case "Softmax" | "LogSoftmax" | "LayerNormalization" | "RMSNormalization":
            return rank > 0 and op.attributes.get("axis", -1) % rank != 0
        case "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin":
            axes, old = constants[0] if constants else None, len(network.shape(op.inputs[0]) or ())
            return axes is not None and axes.size > 0 and all(int(axis) % old for axis in axes.ravel())
        case "Transpose":
            perm = op.attributes.get("perm") or (1,)  # backwards by default
            return perm[0] % rank == 0
        case "Gemm":
            return not op.attributes.get("transA", 0) and all(c.ndim < 2 or len(c) == 1 for c in constants[1:])
        case "MatMul":
            return rank > 1
        case "Pad":
            pads = constants[0] if len(op.inputs) < 4 or not op.inputs[3] else np.ones(1)
            return not pads[0] and not pads[rank]
        case "BatchNormalization":
            return not op.attributes.get("training_mode", 0)
        case "Slice":
            return len(constants) >= 3 and all(int(axis) % rank for axis in constants[2].ravel())
        case "Resize":
            scales = network.constants.get(op.inputs[2]) if len(op.inputs) > 2 else None
            crops = op.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
            return scales is not None and len(scales) == rank and scales[0] == 1 and not crops
        case _:
            return len([name for name in op.outputs if name]) == 1
