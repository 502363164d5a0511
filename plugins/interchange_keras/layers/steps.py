"""Sequences with padding. Those steps of each sample that count are brought to its front; what is computed from them is
put back to where they were.

So recurrent operators, which know lengths but no masks, give Keras's numbers wherever the padding is: a step that does
not count changes nothing, and its output is that of the step before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from interchange_keras.layer import Layer


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a batch. Everything but `layer` is a value; without a mask all are None and every step counts.

    Args:
        mask: (batch, time), bool.
        counts: the same as 0 and 1, int64.
        upto: how many steps count up to each, itself included.
        lengths: how many count in each sample, (batch,), int32.
        order: (batch, time, 1): the numbers of the steps that count, then of the others.
    """

    layer: Layer
    mask: str | None = None
    counts: str = ""
    upto: str = ""
    lengths: str | None = None
    order: str = ""

    @classmethod
    def of(cls, layer: Layer, mask: str | None) -> Steps:
        if mask is None:
            return cls(layer)
        counts = layer.add("Cast", mask, to="int64")
        upto = layer.add("CumSum", counts, layer.constant("axis", np.array(1, np.int64)))
        lengths = layer.add("Cast", layer.add("ReduceSum", counts, [1], keepdims=0), to="int32")
        # a key for each step, all different: those that count have the largest, the earlier the larger
        time = layer.shape(mask)[1]
        if time is not None:
            size, numbers = layer.constant("time", np.array([time])), layer.constant("steps", np.arange(time))
        else:
            size = layer.add("Shape", mask, start=1, end=2)
            zero, one = (layer.constant(f"{n}", np.array(n)) for n in (0, 1))
            numbers = layer.add("Range", zero, layer.add("Squeeze", size, [0]), one)
        keys = layer.add("Sub", layer.add("Mul", counts, size), numbers)
        _, order = layer.add_many("TopK", keys, size, outputs=2, axis=1)
        return cls(layer, mask, counts, upto, lengths, layer.add("Unsqueeze", order, [2]))

    def gathered(self, x: str) -> str:
        """(batch, time, …) with the steps that count in front."""
        return x if self.mask is None else self.layer.add("GatherND", x, self.order, batch_dims=1)

    def spread(self, y: str, *, backwards: bool, zero_others: bool, at_first: str | None = None) -> str:
        """What was computed from `gathered` steps, (batch, time, …), at their places.

        A step that does not count has the value of the one computed before it (`backwards`: of the one after it, which
        was computed before), and zeros if there is none, or `at_first`; with `zero_others` always zeros.
        """
        if self.mask is None:
            return y
        layer = self.layer
        if backwards:  # the next that counts is the one after all those before
            before = layer.add("Sub", self.upto, self.counts)
            lengths = layer.add("Unsqueeze", layer.add("Cast", self.lengths, to="int64"), [1])
            exists = layer.add("Less", before, lengths)
            place = layer.add("Where", exists, before, layer.constant("zero", np.array(0)))
        else:
            exists = layer.add("Greater", self.upto, layer.constant("zero", np.array(0)))
            place = layer.add("Max", layer.add("Sub", self.upto, layer.constant("one", np.array(1))), [0])
        held = layer.add("GatherND", y, layer.add("Unsqueeze", place, [2]), batch_dims=1)
        if at_first is not None and not zero_others:
            return layer.add("Where", self._like(exists, y), held, layer.add("Unsqueeze", at_first, [1]))
        shown = self.mask if zero_others else exists
        return layer.add("Where", self._like(shown, y), held, 0.0)

    def at_end(self, y: str, *, backwards: bool, zero_others: bool, states_given: bool) -> str:
        """The output after the last step, given the last state (batch, …)."""
        if self.mask is None or not (zero_others or states_given):
            return y
        layer = self.layer
        if zero_others:
            last = layer.add("Gather", self.mask, layer.constant("last", np.array(0 if backwards else -1)), axis=1)
        else:  # if no step counts there is no output, though there is a state
            last = layer.add("Greater", self.lengths, layer.constant("none", np.array(0, np.int32)))
        return layer.add("Where", self._like(last, y), y, 0.0)

    def state(self, last: str, first: str) -> str:
        """The last state of an operator; where no step counts it is the first one, which not every runtime sees."""
        if self.mask is None:
            return last
        some = self.layer.add("Greater", self.lengths, self.layer.constant("none", np.array(0, np.int32)))
        return self.layer.add("Where", self._like(some, last), last, first)

    def _like(self, condition: str, y: str) -> str:
        """A condition on batch, or batch and time, with as many dimensions as y."""
        missing = range(self.layer.rank(condition), self.layer.rank(y))
        return self.layer.add("Unsqueeze", condition, list(missing)) if missing else condition


def flipped(layer: Layer, x: str, axis: int = 1) -> str:
    """x from the end to the start."""
    return layer.add("Slice", x, [-1], [np.iinfo(np.int64).min], [axis], [-1])
