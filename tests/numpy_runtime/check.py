"""The NumPy runtime against the operators, by the verifier's measure: the error in rounding floors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from interchange_numpy.model import NumpyModel
from interchange_numpy.plan import Plan

from interchange.builder import Builder
from interchange.evaluate import evaluate, widen
from interchange.graph import Array, Graph

ROUNDING = 16.0  # floors; as in the verifier


def check(graph: Graph, feeds: Mapping[str, Array], *, fallbacks: int | None = 0) -> None:
    """Dtypes and shapes are those of the operators, errors against float64 are rounding, twice in a row.

    Args:
        fallbacks: how many ops may run through the operators; None for any number.
    """
    model = NumpyModel(graph)
    if fallbacks is not None:
        plan = model.plan({name: array.shape for name, array in feeds.items()})
        assert isinstance(plan, Plan)
        assert [op.kind for op in plan.fallbacks][fallbacks:] == []
    errors = Errors()
    for _ in range(2):  # nothing is left over from a run
        errors.add(model(feeds), evaluate(graph, feeds), evaluate(widen(graph), feeds))
    errors.check()


def undivided(*_: Any) -> None:
    """In place of `model.batch_plan`: threads share the tiles of each layer, whatever the batch."""


class Errors:
    """The errors of outputs over several runs, and their rounding floors: what the verifier does with a test set."""

    def __init__(self) -> None:
        self.errors: dict[str, float] = {}
        self.floors: dict[str, float] = {}

    def add(
        self,
        made: Mapping[str, Array],
        native: Mapping[str, Array],
        exact: Mapping[str, Array],
        nearby: Mapping[str, Array] | None = None,
        largest: float = 0.0,
    ) -> None:
        """One run: by the runtime, by the operators, by them in float64, and so with inputs half a unit away.

        Args:
            largest: the largest number on the way. Half a unit of it is rounding even where all cancels out: the
                operators may come to exactly 0 by luck.

        Raises AssertionError where outputs differ that should be the same: names, dtypes, shapes, whole numbers, and
        which elements are no finite numbers.
        """
        assert list(made) == list(native)
        for name, want in native.items():
            got, true = made[name], exact[name]
            assert (got.dtype, got.shape) == (want.dtype, want.shape), name
            if want.dtype.kind != "f":
                np.testing.assert_array_equal(got, want, err_msg=name)
                continue
            finite = np.isfinite(want) & np.isfinite(true.astype(want.dtype))
            np.testing.assert_array_equal(np.where(finite, 0, got), np.where(finite, 0, want), err_msg=name)
            true, limits = true[finite].astype(np.float64), np.finfo(want.dtype)
            least = float(limits.eps) / 2 * max(largest_of(true), largest / ROUNDING, float(limits.tiny))
            moved = 0.0 if nearby is None else largest_of(nearby[name][finite] - true)
            self._raise(self.floors, name, max(largest_of(want[finite] - true), moved, least))
            self._raise(self.errors, name, largest_of(got[finite] - true))

    def _raise(self, largest: dict[str, float], name: str, value: float) -> None:
        largest[name] = max(largest.get(name, 0.0), value)

    def check(self) -> None:
        """Raises AssertionError where an error is more than rounding."""
        for name, error in self.errors.items():
            floor = self.floors[name]
            assert error <= ROUNDING * floor, f"{name}: {error:.3g}, {error / floor:.3g} floors"


def largest_of(array: Array) -> float:
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max(initial=0.0))


class Sketch(Builder):
    """A graph under construction together with feeds for it; arrays among the inputs of a call become constants."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: dict[str, Array] = {}

    def feed(self, name: str, array: Array, shape: tuple[int | str | None, ...] | None = None) -> str:
        """An input; `shape` is what is declared of it, by default the array's."""
        self.feeds[name] = array
        return self.input(name, array.dtype.name, array.shape if shape is None else shape)

    def call(self, op: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """The name of the output, or the names of several."""
        names = [x if isinstance(x, str) else self.constant("c", np.asarray(x)) for x in inputs]
        made = self.add_many(op, names, [op.lower()] * outputs, **attributes)
        return made[0] if outputs == 1 else made

    def finished(self, *outputs: str) -> Graph:
        return self.graph(outputs, {})
