"""Decision trees and their ensembles. All samples go down all trees together, one level after the other."""

from __future__ import annotations

import numpy as np

from interchange.ops._shapes import Array
from interchange.ops.ml._scores import labelled, matrix, transformed

_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")
_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")


def _decide(values, mode, split, missing, members):
    """Which way each value goes: true where the node's comparison holds, or where it is NaN and `missing` says so."""
    holds = np.zeros(values.shape, bool)
    comparisons = (np.less_equal, np.less, np.greater_equal, np.greater, np.equal, np.not_equal)
    for number, compare in enumerate(comparisons):
        here = mode == number
        if here.any():
            holds |= here & compare(values, split)
    for node_set, here in members:
        holds |= here & np.isin(values, node_set)
    return np.where(np.isnan(values), missing | ((mode == 5) & ~np.isnan(split)), holds)


def _descend(x, roots, nodes, members):
    """The leaf that each sample reaches in each tree, (samples, trees), as indices of nodes."""
    is_leaf, features, modes, splits, yes, no, missing = nodes
    at = np.tile(np.array(roots), (len(x), 1))
    rows = np.arange(len(x))[:, None]
    for _ in range(len(is_leaf) + 1):
        if is_leaf[at].all():
            return at
        sets = [(values, at == node) for node, values in members.items()]
        goes = _decide(x[rows, features[at]], modes[at], splits[at], missing[at], sets)
        at = np.where(is_leaf[at], at, np.where(goes, yes[at], no[at]))
    raise ValueError("a tree has a circle")


def _aggregate(leaves, owners, targets, weights, n_targets, how, dtype, base, trees):
    """For each sample and target the sum, mean, least or largest of the weights of its leaves."""
    if how not in _AGGREGATES:
        raise ValueError(f"aggregate_function is {how!r}")
    order = np.argsort(owners, kind="stable")
    owners, targets, weights = owners[order], targets[order], weights[order]
    first = np.searchsorted(owners, leaves, "left")
    count = np.searchsorted(owners, leaves, "right") - first
    start = {"MIN": np.inf, "MAX": -np.inf}.get(how, 0.0)
    y = np.full((len(leaves), n_targets), start, np.float64)
    combine = {"MIN": np.minimum, "MAX": np.maximum}.get(how, np.add)
    samples = np.broadcast_to(np.arange(len(leaves))[:, None], leaves.shape)
    for k in range(int(count.max(initial=0))):
        has = count > k
        entry = first[has] + k
        combine.at(y, (samples[has], targets[entry]), weights[entry])
    y = np.where(np.isfinite(y), y, 0)
    y = y / trees if how == "AVERAGE" else y
    return (y if base is None or not len(base) else y + np.array(base)).astype(dtype)


def _classic(x, ids, trees, features, modes, values, yes, no, missing):
    """(leaves, place of each (tree, node)) of the older operators, whose nodes are named by tree and number."""
    names = list(zip(trees, ids, strict=True))
    place = {name: i for i, name in enumerate(names)}
    is_leaf = np.array([mode == "LEAF" for mode in modes])
    numbers = np.array([0 if mode == "LEAF" else _MODES.index(mode) for mode in modes])
    follow = [
        np.array([0 if leaf else place[tree, child] for tree, child, leaf in zip(trees, way, is_leaf, strict=True)])
        for way in (yes, no)
    ]
    roots = sorted({tree: i for i, (tree, _) in reversed(list(enumerate(names)))}.items(), key=lambda item: item[1])
    tracks = np.array(missing or np.zeros(len(names)), bool)
    nodes = (is_leaf, np.array(features), numbers, np.array(values, x.dtype), *follow, tracks)
    return _descend(x, [i for _, i in roots], nodes, {}), place


def _given(tensor, floats):
    """Of two ways to give the same numbers, the one that is given."""
    return floats if tensor is None else tensor


def TreeEnsembleRegressor(
    x,
    *,
    aggregate_function="SUM",
    base_values=None,
    base_values_as_tensor=None,
    n_targets=None,
    nodes_falsenodeids=None,
    nodes_featureids=None,
    nodes_hitrates=None,
    nodes_hitrates_as_tensor=None,
    nodes_missing_value_tracks_true=None,
    nodes_modes=None,
    nodes_nodeids=None,
    nodes_treeids=None,
    nodes_truenodeids=None,
    nodes_values=None,
    nodes_values_as_tensor=None,
    post_transform="NONE",
    target_ids=None,
    target_nodeids=None,
    target_treeids=None,
    target_weights=None,
    target_weights_as_tensor=None,
):
    """The sum (mean, least, largest) of the weights of the leaves that a sample reaches, plus the base values."""
    x = matrix(x)
    leaves, place = _classic(
        *(x, nodes_nodeids, nodes_treeids, nodes_featureids, nodes_modes),
        *(_given(nodes_values_as_tensor, nodes_values), nodes_truenodeids, nodes_falsenodeids),
        nodes_missing_value_tracks_true,
    )
    owners = np.array([place[name] for name in zip(target_treeids, target_nodeids, strict=True)])
    weights = np.array(_given(target_weights_as_tensor, target_weights))
    base = _given(base_values_as_tensor, base_values)
    y = _aggregate(
        *(leaves, owners, np.array(target_ids), weights, n_targets or max(target_ids) + 1),
        *(aggregate_function, x.dtype, base, leaves.shape[1]),
    )
    return transformed(y, post_transform)


def TreeEnsembleClassifier(
    x,
    *,
    base_values=None,
    base_values_as_tensor=None,
    class_ids=None,
    class_nodeids=None,
    class_treeids=None,
    class_weights=None,
    class_weights_as_tensor=None,
    classlabels_int64s=None,
    classlabels_strings=None,
    nodes_falsenodeids=None,
    nodes_featureids=None,
    nodes_hitrates=None,
    nodes_hitrates_as_tensor=None,
    nodes_missing_value_tracks_true=None,
    nodes_modes=None,
    nodes_nodeids=None,
    nodes_treeids=None,
    nodes_truenodeids=None,
    nodes_values=None,
    nodes_values_as_tensor=None,
    post_transform="NONE",
) -> tuple[Array, Array]:
    """The label with the highest sum of the weights of the leaves that a sample reaches, and all the sums.

    Where all weights belong to one class of two, its score s stands beside 1 - s, or -s before a transform.
    """
    x = matrix(x)
    leaves, place = _classic(
        *(x, nodes_nodeids, nodes_treeids, nodes_featureids, nodes_modes),
        *(_given(nodes_values_as_tensor, nodes_values), nodes_truenodeids, nodes_falsenodeids),
        nodes_missing_value_tracks_true,
    )
    owners = np.array([place[name] for name in zip(class_treeids, class_nodeids, strict=True)])
    weights = np.array(_given(class_weights_as_tensor, class_weights))
    labels = classlabels_strings or classlabels_int64s or ()
    base = _given(base_values_as_tensor, base_values)
    targets = np.array(class_ids)
    is_binary = len(set(class_ids)) == 1 and len(labels) <= 2
    if is_binary:
        targets = np.zeros_like(targets)
        base = None if base is None else base[-1:]
    n_targets = 1 if is_binary else max(len(labels), max(class_ids) + 1)
    scores = _aggregate(leaves, owners, targets, weights, n_targets, "SUM", x.dtype, base, leaves.shape[1])
    if is_binary:
        other = 1 - scores if post_transform in ("NONE", "PROBIT") else -scores
        scores = np.concatenate([other, scores], 1)
    y = transformed(scores, post_transform)
    best = y.argmax(1)
    if len(labels) < 2:
        return best.astype(np.int64), y
    return labelled(best, classlabels_int64s, classlabels_strings), y


def TreeEnsemble(
    x,
    *,
    aggregate_function=1,
    leaf_targetids,
    leaf_weights,
    membership_values=None,
    n_targets=None,
    nodes_falseleafs,
    nodes_falsenodeids,
    nodes_featureids,
    nodes_hitrates=None,
    nodes_missing_value_tracks_true=None,
    nodes_modes,
    nodes_splits,
    nodes_trueleafs,
    nodes_truenodeids,
    post_transform=0,
    tree_roots,
):
    """The sum (mean, least, largest) of the weights of the leaves that a sample reaches.

    Leaves are numbered on their own; `membership_values` lists the sets of the nodes that ask for one, each ended by
    NaN.
    """
    n = len(nodes_modes)
    yes, no = (
        np.array([child + n * leaf for child, leaf in zip(way, leafs, strict=True)])
        for way, leafs in ((nodes_truenodeids, nodes_trueleafs), (nodes_falsenodeids, nodes_falseleafs))
    )
    more = len(leaf_weights)
    nothing = np.zeros(more, int)
    is_leaf = np.arange(n + more) >= n
    modes = np.array(nodes_modes)
    members, rest = {}, np.array(() if membership_values is None else membership_values, x.dtype)
    for node in np.flatnonzero(modes == 6).tolist():
        ends = np.flatnonzero(np.isnan(rest))
        if not ends.size:
            raise ValueError("there are fewer sets than nodes that ask for one")
        members[node], rest = rest[: ends[0]], rest[ends[0] + 1 :]
    tracks = np.array(nodes_missing_value_tracks_true or np.zeros(n), bool)
    nodes = [np.array([*each, *nothing]) for each in (nodes_featureids, modes, nodes_splits, yes, no, tracks)]
    nodes[2], nodes[5] = nodes[2].astype(x.dtype), nodes[5].astype(bool)
    leaves = _descend(x, tree_roots, (is_leaf, *nodes), members)
    y = _aggregate(
        *(leaves - n, np.arange(more), np.array(leaf_targetids), np.array(leaf_weights)),
        *(n_targets or max(leaf_targetids) + 1, _AGGREGATES[aggregate_function], x.dtype, None, leaves.shape[1]),
    )
    return transformed(y, _TRANSFORMS[post_transform])
