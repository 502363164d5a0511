"""Finds the layer where an error begins, on the one sample where it is largest.

Every value that one layer hands to another becomes an output of the graph. The graph in float64 and in its own dtypes
and each backend run this once; then each value of a backend is compared with the oracle's. A layer is guilty if its
value is beyond rounding although everything that it reads is within: all after it inherit. For the model's own
precision the two kinds of error are taken apart as well, by running each layer alone on the oracle's values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from interchange.errors import InterchangeError
from interchange.evaluate import run as run_node
from interchange.graph import Array, Graph, Node
from interchange.testset import TestSet
from interchange.verifier import judge, process
from interchange.verifier.compare import difference
from interchange.verifier.names import Options, backend, parse
from interchange.verifier.process import Run
from interchange.verifier.report import BackendResult, LayerReport, LayerRow, Report
from interchange.verifier.session import Session


@dataclass(frozen=True, slots=True)
class Layer:
    """Consecutive nodes of one source, the values that they read from others, and those that others read."""

    title: str
    nodes: tuple[Node, ...]
    reads: tuple[str, ...]
    gives: tuple[str, ...]


def layers_of(session: Session, samples: TestSet, report: Report, options: Options) -> LayerReport:
    """The layer report for the sample with the largest error of a backend that disagrees, or of any.

    Raises:
        InterchangeError: the graph with its layers exposed cannot be run.
    """
    layers = split(session.graph)
    exposed = [name for layer in layers for name in layer.gives]
    sample = worst_sample(report.backends)
    size = report_batch(session.graph)
    start = sample - sample % size
    inner = _exposed(session, exposed, samples.feeds(start, start + size))
    oracle, native = inner.run_graph("oracle", "layers in float64"), inner.run_graph("native", "layers")
    for run in (oracle, native):
        if run.error is not None:
            raise run.error
    exact, rounded = oracle.load(0), native.load(0)
    dtypes = {output.name: output.dtype for output in native.batches[0]}
    floors = {name: judge.floor_of(rounded[name], exact[name], dtypes[name]) for name in exposed}
    ratios, notes = _backend_ratios(inner, report.backends, options, exact, floors)
    feeds = samples.feeds(start, start + size)
    rows = tuple(_rows(session.graph, layers, exact, rounded, feeds, ratios))
    guilty = {name: tuple(_guilty(layers, found)) for name, found in ratios.items()}
    notes += [
        f"With its layers exposed {b.name} shows no error: it may lie in how layers are joined, or in other samples."
        for b in report.backends
        if not b.agreed and b.name in guilty and not guilty[b.name]
    ]
    return LayerReport(sample, samples.name(sample), rows, guilty, tuple(notes))


def split(graph: Graph) -> list[Layer]:
    """The layers of a graph in execution order; a source that appears in several places is several layers."""
    blocks = [tuple(nodes) for _, nodes in groupby(graph.nodes, key=lambda node: node.source or node.outputs[0])]
    titles = [block[0].source or block[0].op for block in blocks]
    reads = [_reads(block, graph) for block in blocks]
    wanted = {*graph.outputs, *(name for names in reads for name in names)}
    layers = []
    for block, title, names in zip(blocks, titles, reads, strict=True):
        gives = tuple(name for node in block for name in node.outputs if name and name in wanted)
        if gives:
            unique = title if titles.count(title) == 1 else f"{title}: {gives[-1]}"
            layers.append(Layer(unique, block, names, gives))
    return layers


def _reads(block: Sequence[Node], graph: Graph) -> tuple[str, ...]:
    made = {name for node in block for name in node.outputs}
    used = (name for node in block for name in node.reads)
    return tuple(dict.fromkeys(n for n in used if n and n not in made and n not in graph.constants))


def worst_sample(backends: Iterable[BackendResult]) -> int:
    """The sample with the largest error in floors; of backends that disagree, if there are any."""
    ranked = sorted(
        ((not b.agreed, o.ratio, -o.error.worst[0][0]) for b in backends for o in b.outputs if o.error.worst),
        reverse=True,
    )
    return -ranked[0][2] if ranked else 0


def report_batch(graph: Graph) -> int:
    """The batch size that is fixed in the model, or one sample."""
    fixed = [s.shape[0] for s in graph.inputs.values() if s.shape and isinstance(s.shape[0], int) and s.shape[0] > 0]
    return int(fixed[0]) if fixed else 1


def _exposed(session: Session, names: Sequence[str], feeds: Mapping[str, Array]) -> Session:
    """A session of its own for the graph with these values as outputs, and one batch."""
    folder = session.folder / "layers"
    (folder / "feeds").mkdir(parents=True)
    feed = process.write_feeds(folder / "feeds", 0, feeds)
    graph = dataclasses.replace(session.graph, outputs=tuple(names))
    return dataclasses.replace(session, folder=folder, graph=graph, source=None, formats=(), feeds=(feed,))


def _backend_ratios(
    inner: Session,
    results: Sequence[BackendResult],
    options: Options,
    exact: Mapping[str, Array],
    floors: Mapping[str, float],
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Of each backend the error of each value in floors, and why some could not be looked into."""
    ratios: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    for result in results:
        name = parse(result.name, options)
        runner = backend(name.target)
        if runner.artifact == "source":
            notes.append(f"{name.label} runs the model file as it is: its layers cannot be exposed.")
            continue
        try:
            run: Run | None = inner.run_backend(name, inner.artifact(runner.artifact))
            reason = str(run.error.what) if run and run.error else ""
        except InterchangeError as error:
            run, reason = None, error.what
        if run is None or run.error is not None:
            notes.append(f"{name.label} could not run with its layers exposed: {reason}")
            continue
        ratios[name.label] = {n: _ratio(got, exact[n], floors[n]) for n, got in run.load(0).items() if n in exact}
    return ratios, notes


def _ratio(got: Array, exact: Array, floor: float) -> float:
    if got.shape != exact.shape:
        return float("inf")
    return judge.ratio_of(float(difference(got, exact, 0).errors.max(initial=0.0)), floor)


def _guilty(layers: Sequence[Layer], ratios: Mapping[str, float]) -> Iterator[str]:
    """Layers that are wrong though all that they read is right; of a missing value nothing is known."""
    for layer in layers:
        wrong = any(ratios.get(name, 0.0) > judge.ROUNDING for name in layer.gives)
        if wrong and all(ratios.get(name, 0.0) <= judge.ROUNDING for name in layer.reads):
            yield layer.title


def _rows(
    graph: Graph,
    layers: Sequence[Layer],
    exact: Mapping[str, Array],
    rounded: Mapping[str, Array],
    feeds: Mapping[str, Array],
    ratios: Mapping[str, Mapping[str, float]],
) -> Iterator[LayerRow]:
    # The oracle's values in the model's dtypes: what each layer alone is given.
    given = {name: value.astype(rounded[name].dtype) for name, value in exact.items()}
    for layer in layers:
        value = layer.gives[-1]
        yield LayerRow(
            layer=layer.title,
            value=value,
            scale=_largest(exact[value]),
            own=_difference(_alone(layer, {**graph.constants, **feeds, **given})[value], exact[value]),
            inherited=_difference(rounded[value], exact[value]),
            backends={name: found[value] for name, found in ratios.items() if value in found},
        )


def _alone(layer: Layer, values: Mapping[str, Array]) -> Mapping[str, Array]:
    """What a layer makes of these values."""
    known = dict(values)
    for node in layer.nodes:
        known.update(zip(node.outputs, run_node(node, known), strict=False))
    return known


def _largest(array: Array) -> float:
    if array.dtype.kind not in "iubf" or not array.size:
        return 0.0
    wide = np.abs(array.astype(np.float64))
    return float(np.max(wide, where=np.isfinite(wide), initial=0.0))


def _difference(got: Array, exact: Array) -> float:
    return float(difference(got, exact, 0).errors.max(initial=0.0)) if got.shape == exact.shape else float("inf")
