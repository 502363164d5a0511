"""Backends that are broken on purpose, each in one way, and two that are healthy though they compute differently."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from interchange_weights.format import read

from interchange.evaluate import evaluate, widen
from interchange.graph import Array, Graph, TensorSpec

Outputs = dict[str, Array]


class Healthy:
    """The operators on the weights file; subclasses spoil it."""

    artifact: ClassVar[str] = "weights"

    @contextmanager
    def open(self, artifact: Path, spoil: bool = True) -> Iterator[Healthy]:
        self.graph = self.change(read(artifact))
        self.calls = 0
        yield self

    provider = "sabotage"

    @property
    def inputs(self) -> Mapping[str, TensorSpec]:
        return self.graph.inputs

    def __call__(self, feeds: Mapping[str, Array]) -> Outputs:
        self.calls += 1
        return self.spoil(evaluate(self.graph, feeds))

    def change(self, graph: Graph) -> Graph:
        return graph

    def spoil(self, outputs: Outputs) -> Outputs:
        return outputs


class OtherOrder(Healthy):
    """Healthy: sums in another order."""

    def change(self, graph: Graph) -> Graph:
        order = np.arange(graph.constants["dense"].shape[0])[::-1]
        constants = {**graph.constants, **{name: graph.constants[name][order] for name in ("dense", "v")}}
        constants |= {name: graph.constants[name][..., order] for name in ("kernel", "bias")}
        return replace(graph, constants=constants)


class Wide(Healthy):
    """Healthy: float64 inside, rounded at the end."""

    def __call__(self, feeds: Mapping[str, Array]) -> Outputs:
        return {name: y.astype(np.float32) for name, y in evaluate(widen(self.graph), feeds).items()}


class PermutedClasses(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {**outputs, "probs": np.roll(outputs["probs"], 1, axis=1)}


class DroppedRow(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {name: y[:-1] for name, y in outputs.items()}


class PaddingOffByOne(Healthy):
    def change(self, graph: Graph) -> Graph:
        def moved(node: Any) -> Any:
            at = {**node.attributes, "auto_pad": "SAME_LOWER"} if node.op == "Conv" else node.attributes
            return replace(node, attributes=at)

        return replace(graph, nodes=tuple(map(moved, graph.nodes)))


class OneNaN(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        outputs["logits"][1, 2] = np.nan
        return outputs


class OneInfinity(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        outputs["logits"][1, 2] = np.inf
        return outputs


class Float16Leak(Healthy):
    def change(self, graph: Graph) -> Graph:
        kernel = graph.constants["kernel"].astype(np.float16).astype(np.float32)
        return replace(graph, constants={**graph.constants, "kernel": kernel})


class SwappedOutputs(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {**outputs, "probs": outputs["logits"], "logits": outputs["probs"]}


class OtherOrderOfOutputs(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return dict(reversed(outputs.items()))


class MissingOutput(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {name: y for name, y in outputs.items() if name != "logits"}


class ExtraOutput(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {**outputs, "more": outputs["probs"]}


class OtherDtype(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {name: y.astype(np.float64) for name, y in outputs.items()}


class Broadcastable(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {**outputs, "score": outputs["score"][:, 0]}


class Bias(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {name: y * np.float32(1.001) for name, y in outputs.items()}


class OneUnit(Healthy):
    """Healthy: off by one unit in the last place of numbers near 1."""

    def spoil(self, outputs: Outputs) -> Outputs:
        return {name: y + np.float32(2.0**-23) for name, y in outputs.items()}


class Shift(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {name: y + np.float32(0.01) for name, y in outputs.items()}


class PlusOne(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {name: y + 1 for name, y in outputs.items()}


class PreviousBatch(Healthy):
    """Returns what it computed one call before, as a missing synchronisation does."""

    def __call__(self, feeds: Mapping[str, Array]) -> Outputs:
        made = evaluate(self.graph, feeds)
        rows = len(next(iter(feeds.values())))
        before = getattr(self, "before", made)
        self.before = made
        return before if len(before["probs"]) == rows else {name: y[:rows] for name, y in before.items()}


class SharedBuffers(Healthy):
    """Writes every batch into the same memory."""

    def spoil(self, outputs: Outputs) -> Outputs:
        if not hasattr(self, "buffers"):
            self.buffers = {name: np.empty((64, *y.shape[1:]), y.dtype) for name, y in outputs.items()}
        for name, y in outputs.items():
            self.buffers[name][: len(y)] = y
        return {name: self.buffers[name][: len(y)] for name, y in outputs.items()}


class WritesInputs(Healthy):
    def __call__(self, feeds: Mapping[str, Array]) -> Outputs:
        made = evaluate(self.graph, feeds)
        next(iter(feeds.values()))[...] = 0
        return made


class Raises(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        if self.calls > 1:
            raise ValueError("no luck\nsecond line")
        return outputs


class NoMapping(Healthy):
    def spoil(self, outputs: Outputs) -> Any:
        return list(outputs.values())


class Crash(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        print("about to go", file=sys.stderr, flush=True)
        os._exit(7)


class CrashAtOpen(Healthy):
    def change(self, graph: Graph) -> Graph:
        os.abort()


class Chatty(Healthy):
    """Healthy, but prints on standard output, and JSON at that."""

    def spoil(self, outputs: Outputs) -> Outputs:
        print('{"event": "done"}', flush=True)
        os.write(1, b'{"event": "error"}\n')
        return outputs


class Hang(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        time.sleep(600)
        return outputs


class LacksDevice(Healthy):
    def change(self, graph: Graph) -> Graph:
        from interchange.errors import EnvironmentLacks

        raise EnvironmentLacks("IX402", "There is no such device.")
