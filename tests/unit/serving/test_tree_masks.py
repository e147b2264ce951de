"""Trees as bit masks: splits by hand, and LightGBM's own answers at every edge."""

import lightgbm
import numpy as np
import pytest

from mlsd.runtime import InputError
from mlsd.serving.compiled import RequestColumns
from mlsd.serving.compiled.encoding import IdCodes
from mlsd.serving.compiled.trees import compile_trees, leaf_numbers


def leaf(value, index):
    return {"leaf_value": value, "leaf_index": index}


def split(left, right, **options):
    node = {"split_feature": 0, "decision_type": "<=", "missing_type": "None"}
    return node | {"default_left": True, "left_child": left, "right_child": right} | options


def dumped(*roots):
    return {"tree_info": [{"tree_structure": root} for root in roots]}


def scores(dump, values):
    trees = compile_trees(dump, codes=None, fields=0, numeric=("x",))
    return trees.score(RequestColumns({"x": np.asarray(values)})).tolist()


def test_nested_splits_reach_their_leaves():
    inner = split(leaf(1.0, 2), leaf(2.0, 1), threshold=1.0)
    tree = split(inner, leaf(4.0, 0), threshold=5.0)
    other = split(leaf(0.0, 0), leaf(100.0, 1), threshold=3.0)
    assert scores(dumped(tree, other), [1.0, 2.0, 5.0, 6.0]) == [1.0, 2.0, 102.0, 104.0]
    assert leaf_numbers(dumped(tree)) == [[2, 1, 0]]


def test_a_threshold_between_two_singles_keeps_its_side():
    single = np.float32(-3.3915138)
    for threshold, side in ((float(single) - 1e-9, 1.0), (float(single) + 1e-9, 0.0)):
        tree = split(leaf(0.0, 0), leaf(1.0, 1), threshold=threshold)
        assert scores(dumped(tree), np.array([single])) == [side]


@pytest.mark.parametrize(
    ("kind", "default_left", "threshold", "reached"),
    [
        ("NaN", True, -1.0, "left"),
        ("NaN", False, 1.0, "right"),
        ("None", True, -1.0, "right"),
        ("None", False, 0.0, "left"),
        ("None", False, 1.0, "left"),
    ],
)
def test_a_missing_number_goes_the_way_of_its_split(kind, default_left, threshold, reached):
    options = {"missing_type": kind, "default_left": default_left, "threshold": threshold}
    tree = split(leaf(0.0, 0), leaf(1.0, 1), **options)
    assert scores(dumped(tree), [np.nan]) == [float(reached == "right")]


def test_a_tree_of_one_leaf_adds_its_value():
    assert scores(dumped({"leaf_value": 0.5}, {"leaf_value": 0.25}), [7.0]) == [0.75]


def chain(leaves):
    tree = leaf(float(leaves - 1), leaves - 1)
    for index in reversed(range(leaves - 1)):
        tree = split(leaf(float(index), index), tree, threshold=index + 0.5)
    return dumped(tree)


@pytest.mark.parametrize("leaves", [16, 17, 32, 33, 64])
def test_every_leaf_of_a_wide_tree_is_reached(leaves):
    assert scores(chain(leaves), np.arange(leaves)) == list(range(leaves))


def test_a_tree_too_wide_for_a_mask_is_refused():
    with pytest.raises(InputError, match="a tree has 65 leaves; at most 64 can be served"):
        compile_trees(chain(65), codes=None, fields=0, numeric=("x",))


def test_lightgbm_agrees_on_its_own_thresholds_and_on_categories_it_never_saw():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4000, 2)).astype(np.float32)
    x[::7, 1] = np.nan
    code = generator.integers(0, 40, 4000)
    y = (generator.random(4000) < 1 / (1 + np.exp(-x[:, 0] - (code % 3)))).astype(float)
    data = lightgbm.Dataset(
        np.column_stack([code, x]), y, feature_name=["c", "a", "b"], categorical_feature=["c"]
    )
    options = {"objective": "binary", "num_leaves": 31, "min_data_per_group": 10, "verbose": -1}
    booster = lightgbm.train(options, data, 30)
    dump = booster.dump_model()
    table = np.append(np.arange(60), 0)
    codes = IdCodes(("c",), np.zeros(1, np.int64), np.array([61]), table)
    trees = compile_trees(dump, codes=codes, fields=1, numeric=("a", "b"))
    edges = np.concatenate([number.thresholds for number in trees.by_number])
    edges = np.concatenate([np.nextafter(edges, np.float32(s)) for s in (-np.inf, 0, np.inf)])
    a, b = np.append(edges, np.nan), np.append(np.nan, edges[::-1])
    c = np.arange(len(a)) % 60
    expected = booster.predict(np.column_stack([c, a, b]), raw_score=True)
    found = trees.score(RequestColumns({"c": c, "a": a, "b": b}))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
