"""Decision trees and their ensembles."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from interchange_pyscript.kernels.ml.scores import (
    Rows,
    first_largest,
    from_rows,
    labels_at,
    rows_of_samples,
    transformed_scores,
)
from interchange_pyscript.kernels.tensor import Tensor

# In the order of the numbers that TreeEnsemble has for them; the seventh asks whether a value is in a set.
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "BRANCH_LEQ": operator.le,
    "BRANCH_LT": operator.lt,
    "BRANCH_GTE": operator.ge,
    "BRANCH_GT": operator.gt,
    "BRANCH_EQ": operator.eq,
    "BRANCH_NEQ": operator.ne,
    "BRANCH_MEMBER": lambda value, members: value in members,
}


class Branch:
    """A node that is no leaf: which column it compares how with what, and the nodes that follow."""

    def __init__(self, feature: int, mode: str, split: Any, yes: Any, no: Any, tracks_missing: bool) -> None:
        self.feature, self.holds, self.split, self.yes, self.no = feature, COMPARISONS[mode], split, yes, no
        is_other = mode == "BRANCH_NEQ" and not math.isnan(split)  # NaN differs from every number
        self.if_missing = tracks_missing or is_other

    def next(self, row: Sequence[float]) -> Any:
        """The node that follows for a sample."""
        value = row[self.feature]
        goes = self.if_missing if math.isnan(value) else self.holds(value, self.split)
        return self.yes if goes else self.no


def leaf_of(row: Sequence[float], root: Any, branches: Mapping[Any, Branch]) -> Any:
    """The leaf that a sample reaches."""
    node = root
    for _ in range(len(branches) + 1):
        if node not in branches:
            return node
        node = branches[node].next(row)
    raise ValueError("a tree has a circle")


def ensemble_scores(
    rows: Rows,
    roots: Sequence[Any],
    branches: Mapping[Any, Branch],
    weights: Mapping[Any, Sequence[tuple[int, float]]],
    count: int,
    how: str,
    base: Sequence[float] | None,
) -> Rows:
    """For each sample and target the sum, mean, least or largest of the (target, weight) of its leaves."""
    choices: dict[str, Callable[[Iterable[float]], float]] = {"MIN": min, "MAX": max, "SUM": sum, "AVERAGE": sum}
    if how not in choices:
        raise ValueError(f"aggregate_function is {how!r}")
    scores = []
    for row in rows:
        found: list[list[float]] = [[] for _ in range(count)]
        for root in roots:
            for target, weight in weights.get(leaf_of(row, root, branches), ()):
                found[target].append(weight)
        totals = [float(choices[how](values)) if values else 0.0 for values in found]
        if how == "AVERAGE":
            totals = [total / len(roots) for total in totals]
        scores.append([total + shift for total, shift in zip(totals, base or [0.0] * count)])
    return scores


def classic_trees(
    ids: Iterable[int],
    trees: Sequence[int],
    features: Iterable[int],
    modes: Iterable[str],
    splits: Iterable[float],
    yes: Iterable[int],
    no: Iterable[int],
    missing: Iterable[int] | None,
) -> tuple[list[Any], dict[Any, Branch]]:
    """(roots, branches) of the older operators, whose nodes are named by tree and number."""
    roots: dict[int, Any] = {}
    branches = {}
    tracks = missing or [0] * len(trees)
    for tree, node, feature, mode, split, left, right, track in zip(
        trees, ids, features, modes, splits, yes, no, tracks
    ):
        roots.setdefault(tree, (tree, node))
        if mode != "LEAF":
            branches[tree, node] = Branch(feature, mode, split, (tree, left), (tree, right), bool(track))
    return list(roots.values()), branches


def leaf_weights_of(leaves: Iterable[Any], targets: Iterable[int], weights: Iterable[float]) -> dict[Any, Any]:
    """The (target, weight) pairs of each leaf."""
    found: dict[Any, list[tuple[int, float]]] = {}
    for leaf, target, weight in zip(leaves, targets, weights):
        found.setdefault(leaf, []).append((target, weight))
    return found


def TreeEnsembleRegressor(
    x: Tensor,
    *,
    aggregate_function: str = "SUM",
    base_values: Sequence[float] | None = None,
    base_values_as_tensor: Sequence[float] | None = None,
    n_targets: int | None = None,
    nodes_falsenodeids: Sequence[int] | None = None,
    nodes_featureids: Sequence[int] | None = None,
    nodes_hitrates: Sequence[float] | None = None,
    nodes_hitrates_as_tensor: Sequence[float] | None = None,
    nodes_missing_value_tracks_true: Sequence[int] | None = None,
    nodes_modes: Sequence[str] | None = None,
    nodes_nodeids: Sequence[int] | None = None,
    nodes_treeids: Sequence[int] | None = None,
    nodes_truenodeids: Sequence[int] | None = None,
    nodes_values: Sequence[float] | None = None,
    nodes_values_as_tensor: Sequence[float] | None = None,
    post_transform: str = "NONE",
    target_ids: Sequence[int] | None = None,
    target_nodeids: Sequence[int] | None = None,
    target_treeids: Sequence[int] | None = None,
    target_weights: Sequence[float] | None = None,
    target_weights_as_tensor: Sequence[float] | None = None,
) -> Tensor:
    """The sum (mean, least, largest) of the weights of the leaves that a sample reaches, plus the base values."""
    roots, branches = classic_trees(
        nodes_nodeids or (),
        nodes_treeids or (),
        nodes_featureids or (),
        nodes_modes or (),
        nodes_values_as_tensor or nodes_values or (),
        nodes_truenodeids or (),
        nodes_falsenodeids or (),
        nodes_missing_value_tracks_true,
    )
    leaves, targets = zip(target_treeids or (), target_nodeids or ()), target_ids or ()
    weights = leaf_weights_of(leaves, targets, target_weights_as_tensor or target_weights or ())
    count, base = n_targets or max(targets) + 1, base_values_as_tensor or base_values
    scores = ensemble_scores(rows_of_samples(x), roots, branches, weights, count, aggregate_function, base)
    return from_rows([transformed_scores(row, post_transform) for row in scores], count)


def TreeEnsembleClassifier(
    x: Tensor,
    *,
    base_values: Sequence[float] | None = None,
    base_values_as_tensor: Sequence[float] | None = None,
    class_ids: Sequence[int] | None = None,
    class_nodeids: Sequence[int] | None = None,
    class_treeids: Sequence[int] | None = None,
    class_weights: Sequence[float] | None = None,
    class_weights_as_tensor: Sequence[float] | None = None,
    classlabels_int64s: Sequence[int] | None = None,
    classlabels_strings: Sequence[str] | None = None,
    nodes_falsenodeids: Sequence[int] | None = None,
    nodes_featureids: Sequence[int] | None = None,
    nodes_hitrates: Sequence[float] | None = None,
    nodes_hitrates_as_tensor: Sequence[float] | None = None,
    nodes_missing_value_tracks_true: Sequence[int] | None = None,
    nodes_modes: Sequence[str] | None = None,
    nodes_nodeids: Sequence[int] | None = None,
    nodes_treeids: Sequence[int] | None = None,
    nodes_truenodeids: Sequence[int] | None = None,
    nodes_values: Sequence[float] | None = None,
    nodes_values_as_tensor: Sequence[float] | None = None,
    post_transform: str = "NONE",
) -> tuple[Tensor, Tensor]:
    """The label with the highest sum of the weights of the leaves that a sample reaches, and all the sums.

    Where all weights belong to one class of two, its score s stands beside 1 - s, or -s before a transform.
    """
    roots, branches = classic_trees(
        nodes_nodeids or (),
        nodes_treeids or (),
        nodes_featureids or (),
        nodes_modes or (),
        nodes_values_as_tensor or nodes_values or (),
        nodes_truenodeids or (),
        nodes_falsenodeids or (),
        nodes_missing_value_tracks_true,
    )
    labels: Sequence[Any] = classlabels_strings or classlabels_int64s or ()
    classes, base = list(class_ids or ()), base_values_as_tensor or base_values
    count = max(len(labels), max(classes) + 1)
    is_binary = len(set(classes)) == 1 and len(labels) <= 2
    if is_binary:
        classes, count, base = [0] * len(classes), 1, base[-1:] if base else None
    leaves = zip(class_treeids or (), class_nodeids or ())
    weights = leaf_weights_of(leaves, classes, class_weights_as_tensor or class_weights or ())
    scores = ensemble_scores(rows_of_samples(x), roots, branches, weights, count, "SUM", base)
    if is_binary:
        one, count = (1.0 if post_transform in ("NONE", "PROBIT") else 0.0), 2
        scores = [[one - row[0], row[0]] for row in scores]
    y = [transformed_scores(row, post_transform) for row in scores]
    best = [first_largest(row) for row in y]
    if len(labels) < 2:
        return Tensor(best, (len(best),)), from_rows(y, count)
    return labels_at(best, classlabels_int64s, classlabels_strings), from_rows(y, count)


def TreeEnsemble(
    x: Tensor,
    *,
    aggregate_function: int = 1,
    leaf_targetids: Sequence[int],
    leaf_weights: Sequence[float],
    membership_values: Sequence[float] | None = None,
    n_targets: int | None = None,
    nodes_falseleafs: Sequence[int],
    nodes_falsenodeids: Sequence[int],
    nodes_featureids: Sequence[int],
    nodes_hitrates: Sequence[float] | None = None,
    nodes_missing_value_tracks_true: Sequence[int] | None = None,
    nodes_modes: Sequence[int],
    nodes_splits: Sequence[float],
    nodes_trueleafs: Sequence[int],
    nodes_truenodeids: Sequence[int],
    post_transform: int = 0,
    tree_roots: Sequence[int],
) -> Tensor:
    """The sum (mean, least, largest) of the weights of the leaves that a sample reaches.

    Leaves are numbered on their own; `membership_values` lists the sets of the nodes that ask for one, each ended by
    NaN.
    """
    n, names, rest = len(nodes_modes), list(COMPARISONS), list(membership_values or ())
    tracks = nodes_missing_value_tracks_true or [0] * n
    branches = {}
    for node, mode in enumerate(nodes_modes):
        split: Any = nodes_splits[node]
        if names[mode] == "BRANCH_MEMBER":
            end = next((i for i, value in enumerate(rest) if math.isnan(value)), -1)
            if end < 0:
                raise ValueError("there are fewer sets than nodes that ask for one")
            split, rest = set(rest[:end]), rest[end + 1 :]
        yes = nodes_truenodeids[node] + n * nodes_trueleafs[node]
        no = nodes_falsenodeids[node] + n * nodes_falseleafs[node]
        branches[node] = Branch(nodes_featureids[node], names[mode], split, yes, no, bool(tracks[node]))
    weights = leaf_weights_of(range(n, n + len(leaf_weights)), leaf_targetids, leaf_weights)
    count, how = n_targets or max(leaf_targetids) + 1, ("AVERAGE", "SUM", "MIN", "MAX")[aggregate_function]
    scores = ensemble_scores(rows_of_samples(x), tree_roots, branches, weights, count, how, None)
    transform = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")[post_transform]
    return from_rows([transformed_scores(row, transform) for row in scores], count)
