"""LightGBM's trees as bit masks by value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsd.runtime import InputError
from mlsd.serving.compiled.encoding import IdCodes
from mlsd.serving.compiled.tree_masks import FieldMasks, NumberMasks, TreeMasks, mask_bytes

_MOST_LEAVES = 64


@dataclass(frozen=True)
class _Split:
    """One split: what it asks of which column, and the leaves that a "no" leaves over."""

    tree: int
    column: int
    left_values: frozenset[int] | None
    threshold: float
    missing_left: bool
    mask: int


def compile_trees(
    dump: dict[str, Any], *, codes: IdCodes | None, fields: int, numeric: tuple[str, ...]
) -> TreeMasks:
    """Turn the trees of a LightGBM model into bit masks.

    Parameters
    ----------
    dump : dict
        From ``Booster.dump_model()``; its first `fields` columns are categorical.
    codes : IdCodes or None
        Of the categorical columns.
    fields : int
    numeric : tuple of str

    Raises
    ------
    InputError
        If a tree has more than 64 leaves.

    Notes
    -----
    LightGBM compares in double precision, and the columns are single: a threshold is rounded down
    to single, which leaves every comparison as it was. A missing number goes as LightGBM sends it:
    the split's default way, or that of 0 where no row of training missed it.
    """
    trees = [tree["tree_structure"] for tree in dump["tree_info"]]
    values = [list(_leaf_values(tree)) for tree in trees]
    widest = max(map(len, values), default=1)
    if widest > _MOST_LEAVES:
        raise InputError(f"a tree has {widest} leaves; at most {_MOST_LEAVES} can be served")
    leaves = np.zeros((len(trees), widest))
    for row, of_tree in zip(leaves, values):
        row[: len(of_tree)] = of_tree
    by_column = defaultdict(list)
    for tree, root in enumerate(trees):
        for split in _splits(root, tree, mask_bytes(widest) * 8):
            by_column[split.column].append(split)
    field_masks, number_masks = [], []
    for column, splits in sorted(by_column.items()):
        if column < fields:
            field_masks.append(_field_masks(column, splits, leaves.shape, int(codes.size[column])))
        else:
            number_masks.append(_number_masks(column - fields, splits, leaves.shape))
    return TreeMasks(codes, numeric, tuple(field_masks), tuple(number_masks), leaves)


def leaf_numbers(dump: dict[str, Any]) -> list[list[int]]:
    """Return the numbers of each tree's leaves, as ``pred_leaf`` has them, from left to right."""
    return [
        [leaf.get("leaf_index", 0) for leaf in _leaves(t["tree_structure"])]
        for t in dump["tree_info"]
    ]


def _leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "split_feature" not in node:
        yield node
        return
    yield from _leaves(node["left_child"])
    yield from _leaves(node["right_child"])


def _leaf_values(root: dict[str, Any]) -> Iterator[float]:
    return (leaf["leaf_value"] for leaf in _leaves(root))


def _splits(node: dict[str, Any], tree: int, bits: int, first: int = 0) -> Iterator[_Split]:
    """Yield the splits of a tree whose leftmost leaf has the number `first`."""
    if "split_feature" not in node:
        return
    left, right = node["left_child"], node["right_child"]
    width = sum(1 for _ in _leaves(left))
    ruled_out = ((1 << width) - 1) << first
    yield _read_split(node, tree, ((1 << bits) - 1) & ~ruled_out)
    yield from _splits(left, tree, bits, first)
    yield from _splits(right, tree, bits, first + width)


def _read_split(node: dict[str, Any], tree: int, mask: int) -> _Split:
    column, threshold = node["split_feature"], node["threshold"]
    if node["decision_type"] == "==":
        values = frozenset(int(value) for value in threshold.split("||"))
        return _Split(tree, column, values, np.nan, False, mask)
    missing_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
    return _Split(tree, column, None, _rounded_down(threshold), bool(missing_left), mask)


def _rounded_down(threshold: float) -> float:
    single = np.float32(threshold)
    # As Python's number: beside a single, numpy would round the threshold before it compares.
    return float(
        single if float(single) <= threshold else np.nextafter(single, -np.float32(np.inf))
    )


def _field_masks(
    field: int, splits: list[_Split], shape: tuple[int, int], codes: int
) -> FieldMasks:
    asked = sorted(set().union(*(split.left_values for split in splits)))
    # The first row is for every code that no split lists.
    masks = _open(1 + len(asked), shape)
    row = np.zeros(max(codes, asked[-1] + 1), dtype=np.int32)
    row[asked] = np.arange(1, len(asked) + 1)
    for split in splits:
        no = np.ones(len(masks), dtype=bool)
        no[row[list(split.left_values)]] = False
        masks[no, split.tree] &= masks.dtype.type(split.mask)
    return FieldMasks(field, row, masks)


def _number_masks(place: int, splits: list[_Split], shape: tuple[int, int]) -> NumberMasks:
    thresholds = np.unique(np.array([split.threshold for split in splits], dtype=np.float32))
    masks = _open(len(thresholds) + 2, shape)
    for split in splits:
        first = int(np.searchsorted(thresholds, np.float32(split.threshold))) + 1
        masks[first:-1, split.tree] &= masks.dtype.type(split.mask)
        if not split.missing_left:
            masks[-1, split.tree] &= masks.dtype.type(split.mask)
    return NumberMasks(place, thresholds, masks)


def _open(rows: int, shape: tuple[int, int]) -> np.ndarray:
    """Return masks that rule nothing out, shape (rows, trees)."""
    kind = np.dtype(f"u{mask_bytes(shape[1])}")
    return np.full((rows, shape[0]), np.iinfo(kind).max, kind)
