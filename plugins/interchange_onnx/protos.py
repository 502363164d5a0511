"""Walking through the messages of an ONNX model."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import GraphProto, NodeProto

DEEPEST = 32  # graphs within graphs; a Graph holds no more


def all_graphs(graph: GraphProto) -> list[GraphProto]:
    """The graph and those in attributes of its nodes, at any depth, the outer before the inner."""
    graphs, level = [], [graph]
    for _ in range(DEEPEST + 1):
        graphs += level
        level = [inner for each in level for node in each.node for inner in graphs_of(node)]
    return graphs


def graphs_of(node: NodeProto) -> list[GraphProto]:
    """The graphs in the attributes of a node."""
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def all_nodes(graph: GraphProto, *, inner_only: bool = False) -> Iterator[NodeProto]:
    """The nodes of a graph and of those within it, or only of the latter."""
    for each in all_graphs(graph)[1 if inner_only else 0 :]:
        yield from each.node


def names_made(graph: GraphProto) -> set[str]:
    """The names of inputs, constants and what the nodes make."""
    names = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    names |= {sparse.values.name for sparse in graph.sparse_initializer}
    return names | {name for node in graph.node for name in node.output}


def names_read(graph: GraphProto) -> set[str]:
    """The names that a graph, or one within it, takes from itself or from outside."""
    names = {name for node in graph.node for name in node.input if name} | {value.name for value in graph.output}
    for node in graph.node:
        for inner in graphs_of(node):
            names |= names_read(inner) - names_made(inner)
    return names
