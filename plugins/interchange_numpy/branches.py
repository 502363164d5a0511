"""Branches of If that the shapes decide take the place of the If, so that their ops get kernels.

A network that asks for the size of its input what it has to do is decided anew for each plan, at no cost in a run.
"""

from __future__ import annotations

from collections.abc import Sequence

from interchange.graph import Array, Node

BRANCHES = {True: "then_branch", False: "else_branch"}


def branch_of(node: Node, condition: Array, names: set[str]) -> Sequence[Node] | None:
    """The nodes that do what an If does with that condition; None where a name of theirs is another value already.

    Args:
        names: of all values so far; those of the branch come to it.
    """
    body = node.bodies[BRANCHES[bool(condition.reshape(()))]]
    inner = {name for each in body.nodes for name in each.outputs if name}
    if body.inputs or names & inner:
        return None
    names |= inner
    ends = zip(body.outputs, node.outputs, strict=False)
    return [*body.nodes, *(Node("Identity", (made,), (name,), {}, node.source) for made, name in ends if name)]
