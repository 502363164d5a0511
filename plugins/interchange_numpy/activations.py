"""Activation functions at the end of a kernel: which ops they are, and their steps on a tile.

ReLU is the clip ufunc, which is vectorised where np.maximum with a number is not (4.1 against 0.8 Gel/s with AVX2, 9.3
against 2.6 with AVX-512). Sigmoid and swish are one exponential, one addition and one division; the exponential is
np.exp2 where that is faster, as on AVX-512 (4.5 against 2.1 Gel/s); in swish it is replaced where both are slow
(`squaring.py`). Where the weights before it can take in a factor (`passes/scaled.py`), swish and hard swish are a pass
shorter: their kinds are "ScaledSwish" and "ScaledHardSwish" then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from interchange.graph import Array
from interchange_numpy import squaring
from interchange_numpy.kernel import Scratch, Step, larger, smaller
from interchange_numpy.network import Network, Op
from interchange_numpy.probe import clip, likes_exp2

ZERO, ONE = (np.array(v, np.float32) for v in (0.0, 1.0))


class Activation(NamedTuple):
    """A function of one value; `low` and `high` are Clip's, `alpha` is a slope.

    HardSigmoid is alpha x + low from 0 to 1, HardSwish x times that. ScaledSwish takes squaring.SCALE x,
    ScaledHardSwish of z = √alpha x is z times z + low between 0 and high.
    """

    kind: str
    low: float = -math.inf
    high: float = math.inf
    alpha: float = 0.0

    def scratch(self, count: int) -> dict[str, Scratch]:
        """The memory "temporary" that `steps` for up to `count` elements need, if any."""
        if self.kind in ("Clip", "Tanh"):
            return {}
        squares = self.kind == "ScaledSwish" or (self.kind == "Swish" and is_squared(count))
        return {"temporary": ((2 * count if squares else count,), np.float32)}

    def scaled(self, count: int) -> tuple[float, Activation] | None:
        """A factor, and what a kernel for `count` elements makes of values times it; None where it is no gain."""
        if self.kind == "Swish" and is_squared(count):
            return squaring.SCALE, Activation("ScaledSwish")
        if self.kind == "HardSwish" and self.alpha > 0:
            root = math.sqrt(self.alpha)
            return root, Activation("ScaledHardSwish", low=self.low / root, high=1 / root)
        return None


def is_squared(count: int) -> bool:
    """Whether swish of so many elements is computed by repeated squaring."""
    return count >= squaring.LEAST and squaring.is_exp_slow()


def recognise(op: Op, network: Network) -> Activation | None:
    """The activation that an op is, if it is one with steps here."""
    attributes = op.attributes
    match op.kind:
        case "Relu":
            return Activation("Clip", 0.0)
        case "Clip":
            bounds = [network.scalar(name) if name else None for name in op.inputs[1:]]
            if any(bound is None for name, bound in zip(op.inputs[1:], bounds, strict=True) if name):
                return None
            low = -math.inf if not bounds or bounds[0] is None else bounds[0]
            high = math.inf if len(bounds) < 2 or bounds[1] is None else bounds[1]
            return Activation("Clip", low, high) if low <= high else None
        case "Sigmoid" | "Tanh":
            return Activation(op.kind)
        case "Swish":
            return Activation("Swish") if attributes.get("alpha", 1.0) == 1.0 else None
        case "LeakyRelu":
            return Activation("LeakyRelu", alpha=attributes.get("alpha", 0.01))
        case "HardSwish":
            return Activation("HardSwish", alpha=attributes.get("alpha", 1 / 6), low=attributes.get("beta", 0.5))
        case "HardSigmoid":
            return Activation("HardSigmoid", alpha=attributes.get("alpha", 0.2), low=attributes.get("beta", 0.5))
    return None


def steps(activation: Activation, y: Array, out: Array, spare: Array | None) -> Iterator[Step]:
    """`out` becomes the activation of `y`, which may be `out` and may be spoilt.

    Args:
        spare: the scratch memory for as many elements as y has, or more.
    """
    f32 = np.float32
    match activation.kind:
        case "Clip":
            yield clip(), (y, np.array(activation.low, f32), np.array(activation.high, f32), out)
            return
        case "Tanh":
            yield np.tanh, (y, out)
            return
    assert spare is not None
    temporary = spare[: y.size].reshape(y.shape)
    match activation.kind:
        case "Sigmoid":
            yield from _one_plus_exp_minus(y, temporary)
            yield np.divide, (ONE, temporary, out)
        case "Swish":
            if is_squared(y.size):
                yield np.multiply, (y, np.array(squaring.SCALE, f32), out)
                yield from squaring.swish(out, out, temporary, spare[y.size :][: y.size])
            else:
                yield from _one_plus_exp_minus(y, temporary)
                yield np.divide, (y, temporary, out)
        case "ScaledSwish":
            yield from squaring.swish(y, out, temporary, spare[y.size :][: y.size])
        case "LeakyRelu":
            yield np.multiply, (y, np.array(activation.alpha, f32), temporary)
            yield larger(y, temporary, out) if activation.alpha <= 1 else smaller(y, temporary, out)
        case "HardSwish":
            yield np.multiply, (y, np.array(activation.alpha, f32), temporary)
            yield np.add, (temporary, np.array(activation.low, f32), temporary)
            yield clip(), (temporary, ZERO, ONE, temporary)
            yield np.multiply, (y, temporary, out)
        case "ScaledHardSwish":
            yield np.add, (y, np.array(activation.low, f32), temporary)
            yield clip(), (temporary, ZERO, np.array(activation.high, f32), temporary)
            yield np.multiply, (y, temporary, out)
        case "HardSigmoid":
            yield np.multiply, (y, np.array(activation.alpha, f32), temporary)
            yield np.add, (temporary, np.array(activation.low, f32), temporary)
            yield clip(), (temporary, ZERO, ONE, out)
        case other:
            raise AssertionError(other)


def _one_plus_exp_minus(y: Array, out: Array) -> Iterator[Step]:
    if likes_exp2():
        yield np.multiply, (y, np.array(-math.log2(math.e), np.float32), out)
        yield np.exp2, (out, out)
    else:
        yield np.negative, (y, out)
        yield np.exp, (out, out)
    yield np.add, (out, ONE, out)
