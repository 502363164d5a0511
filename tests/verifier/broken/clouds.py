"""The six faults that a verifier must see, in a real network: the example docs/examples/clouds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sabotage import Healthy, Outputs

from interchange.graph import Graph


class PermutedClasses(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {**outputs, "cloud": np.roll(outputs["cloud"], 1, axis=1)}


class DroppedRow(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        return {name: y[:-1] for name, y in outputs.items()}


class PaddingOffByOne(Healthy):
    """In one layer, whose strides make the padding uneven."""

    def change(self, graph: Graph) -> Graph:
        def moved(node: Any) -> Any:
            at = {**node.attributes, "auto_pad": "SAME_LOWER"} if node.outputs == ("fine_conv",) else node.attributes
            return replace(node, attributes=at)

        return replace(graph, nodes=tuple(map(moved, graph.nodes)))


class OneNaN(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        outputs["cloud"][3, 2] = np.nan
        return outputs


class Float16Leak(Healthy):
    """The weights of one layer went through float16."""

    def change(self, graph: Graph) -> Graph:
        kernel = graph.constants["stem_conv/kernel"].astype(np.float16).astype(np.float32)
        return replace(graph, constants={**graph.constants, "stem_conv/kernel": kernel})


class SwappedOutputs(Healthy):
    def spoil(self, outputs: Outputs) -> Outputs:
        (one, a), (two, b) = outputs.items()
        return {one: b, two: a}
