"""Is an error rounding, suspicious or wrong?

The rounding floor of an output is the largest difference between the float64 run and a run of the same operators in
the model's own dtype, over the whole test set: the error that this dtype costs in this network. Other correct runtimes
round in other places, so theirs is not the same, but near:

* up to 16 times the floor is *rounding*. Measured: ONNX Runtime on 360 random convolutional networks stays below 2,
  Keras on ours below 1.3; sums in plain sequential order, the worst correct way, reach 5 with 2,048 terms and grow as
  the root of their number. 16 (four bits) holds for some 20,000 terms.
* beyond 256 times the floor it is *wrong*: no order of sums gets there.
* in between it is *suspicious*: a coarse approximation of a function, one layer in less precision (a kernel rounded to
  float16 costs 150 floors in the median), or a small mistake. It counts as disagreement.

What is smaller than 16 floors cannot be told from rounding by its size: of kernels rounded to float16 that is one in
eight, in networks whose output hardly depends on them.

A reference other than the oracle (Keras in float32) has an error of its own. So a backend is judged twice: against the
oracle, and against the reference with the reference's own error, as far as that is rounding, taken off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from interchange.evaluate import FLOATS
from interchange.golden import rounding_floor
from interchange.graph import Array

ROUNDING = 16.0
WRONG = 256.0

RANK: Mapping[str, int] = {"rounding": 0, "within": 0, "suspicious": 1, "outside": 2, "wrong": 2, "failed": 3}


def floor_of(native: Array, exact: Array, dtype: str) -> float:
    """The rounding floor of one batch; the smallest normal number where all is zero, 0 for what does not round."""
    if dtype not in FLOATS:
        return 0.0
    return max(rounding_floor(native, exact, dtype), float(np.finfo(np.float32).tiny))


def ratio_of(error: float, floor: float) -> float:
    """The error in floors."""
    if error == 0:
        return 0.0
    return error / floor if floor else math.inf


def verdict_of(ratio: float) -> str:
    return "rounding" if ratio <= ROUNDING else "suspicious" if ratio <= WRONG else "wrong"


def allowance(reference_error: float, floor: float) -> float:
    """How much of a difference from the reference may be the reference's own."""
    return min(reference_error, ROUNDING * floor)


def worst(verdicts: list[str]) -> str:
    return max(verdicts, key=lambda verdict: RANK[verdict], default="rounding")
