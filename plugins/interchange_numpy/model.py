"""A graph ready to run: a plan for each input shape that was seen."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from interchange.errors import BadInput
from interchange.evaluate import conform, evaluate
from interchange.graph import Array, Graph, TensorSpec
from interchange_numpy.batches import BatchPlan, batch_plan
from interchange_numpy.network import Network, Weights, lower, release
from interchange_numpy.operators import Misplanned
from interchange_numpy.plan import Plan
from interchange_numpy.threads import Workers

MOST_PLANS = 8  # input shapes whose plans are kept
MOST_FORMS = 64  # names, dtypes and shapes of feeds that are remembered
MANY = 1 << 14  # elements from which on a dot is quicker than to look at each: 98,304 take 12 instead of 21 µs

Key = tuple[Any, ...]
Compiled = Plan | BatchPlan


class NumpyModel:
    """A graph ready to run.

    Args:
        precise: everything is computed in the order of the operators, so that NaN and infinity spread as there. Else
            this is done only where an input or an output is not finite.
        threads: how many work, on parts of the batch where it can be divided, else on the tiles of each kernel.
    """

    def __init__(self, graph: Graph, *, precise: bool = False, threads: int = 1) -> None:
        self._graph = graph
        self._precise = precise
        self._workers = Workers(threads)
        self._weights = Weights(graph.constants.values())
        self._plans: OrderedDict[Key, Compiled | None] = OrderedDict()
        self._right: set[Key | None] = set()  # forms of feeds that need no conversion
        self._lock = threading.Lock()
        self.provider = f"NumPy {np.__version__}"

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        return self._graph.inputs

    @property
    def packed_bytes(self) -> int:
        """The memory of constants as the kernels want them, beside the graph's own."""
        return self._weights.nbytes

    def __call__(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name. Raises as `interchange.evaluate.evaluate` does."""
        values = self._conform(feeds)
        precise = self._precise or not all(map(is_finite, values.values()))
        outputs = self._run(values, precise)
        if precise or all(map(is_finite, outputs.values())):
            return outputs
        return self._run(values, True)

    def _conform(self, feeds: Mapping[str, Any]) -> Mapping[str, Any]:
        """The feeds as the model takes them; what was right once is not looked at again, which takes 15 µs."""
        arrays = all(type(value) is np.ndarray for value in feeds.values())
        form = tuple((name, value.dtype, value.shape) for name, value in feeds.items()) if arrays else None
        if form in self._right:
            return feeds
        values = conform(self._graph.inputs, feeds)
        if arrays and len(self._right) < MOST_FORMS and all(values[name] is feeds[name] for name in values):
            self._right.add(form)
        return values

    def _run(self, values: Mapping[str, Any], precise: bool) -> dict[str, Any]:
        shapes = {name: value.shape for name, value in values.items() if isinstance(value, np.ndarray)}
        plan = self.plan(shapes, precise=precise)
        if plan is not None:
            try:
                return plan.run(values)
            except Misplanned:
                self._keep(_key(shapes, precise), None)
            except (ValueError, TypeError, IndexError):
                pass  # a kernel refuses these values; if the operators do so, too, they say which layer and why
        return evaluate(self._graph, values)

    def plan(self, shapes: Mapping[str, tuple[int, ...]], *, precise: bool = False) -> Compiled | None:
        """The plan for inputs of these shapes; None if they have to run through the operators."""
        key = _key(shapes, precise)
        with self._lock:
            if key in self._plans:
                self._plans.move_to_end(key)
                return self._plans[key]
        try:
            network = self._lowered(shapes, precise)
            plan: Compiled | None = batch_plan(network, lambda part: self._lowered(part, precise), self._workers)
            if plan is None:
                network.threads = self._workers.threads
                plan = Plan(network, self._workers)
        except BadInput:  # the operators say what is wrong, if it is
            plan = None
        else:
            release(self._graph.constants.values())  # the kernels have made what they need of them
        self._keep(key, plan)
        return plan

    def _lowered(self, shapes: Mapping[str, tuple[int, ...]], precise: bool) -> Network:
        return lower(self._graph, shapes, precise=precise, weights=self._weights)

    def _keep(self, key: Key, plan: Compiled | None) -> None:
        with self._lock:
            self._plans[key] = plan
            self._plans.move_to_end(key)
            while len(self._plans) > MOST_PLANS:
                self._plans.popitem(last=False)


def _key(shapes: Mapping[str, tuple[int, ...]], precise: bool) -> Key:
    return (precise, *sorted(shapes.items()))


def is_finite(value: Any) -> bool:
    """Whether no element is NaN or infinite; of many, a sum of squares of float32 that is finite says so at once."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
        return True
    if value.size >= MANY and value.dtype == np.float32 and value.flags.c_contiguous:
        flat = value.reshape(-1)
        with np.errstate(all="ignore"):
            if math.isfinite(np.dot(flat, flat)):
                return True
    return bool(np.isfinite(value).all())
