import numpy as np
import pytest

from mlsd.metrics import log_loss
from mlsd.models import HashedLogisticRegression, LightGBMScorer, TreeLeavesLogisticRegression
from mlsd.runtime import InputError


def planted(rows=8_000, seed=0):
    """Clicks need two numbers above 0 at once, and depend on an id."""
    rng = np.random.default_rng(seed)
    X = {
        "ad_id": rng.integers(0, 20, rows),
        "age": rng.normal(size=rows),
        "hour": rng.normal(size=rows),
    }
    score = 3.0 * ((X["age"] > 0) & (X["hour"] > 0)) - 1.5 + rng.normal(0, 0.7, 20)[X["ad_id"]]
    return X, (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(int)


def build(**changes):
    options = {"categorical": ("ad_id",), "numeric": ("age", "hour"), "num_leaves": 8}
    return TreeLeavesLogisticRegression(**{**options, "n_estimators": 30, **changes})


def part(X, rows):
    return {name: values[rows] for name, values in X.items()}


@pytest.fixture(scope="module")
def log():
    return planted()


def test_learns_an_interaction_that_no_linear_model_holds(log):
    X, y = log
    model = build().fit(part(X, slice(6_000)), y[:6_000])
    columns = {"categorical": ("ad_id",), "numeric": ("age", "hour")}
    linear = HashedLogisticRegression(**columns).fit(part(X, slice(6_000)), y[:6_000])
    held = part(X, slice(6_000, None))
    ours, theirs = (log_loss(y[6_000:], m.predict_proba(held)[:, 1]) for m in (model, linear))
    assert ours < theirs - 0.02


def test_trees_see_only_the_first_part_and_the_regression_only_the_second(log):
    X, y = log
    model = build(tree_share=0.25).fit(X, y)
    cut = 2_000
    alone = LightGBMScorer(
        categorical=("ad_id",),
        numeric=("age", "hour"),
        num_leaves=8,
        learning_rate=0.1,
        n_estimators=30,
    ).fit(part(X, slice(cut)), y[:cut])
    np.testing.assert_array_equal(model.trees_.leaf_indices(X), alone.leaf_indices(X))
    later = part(X, slice(cut, None))
    fields = {f"tree {i}": leaf for i, leaf in enumerate(alone.leaf_indices(later).T)}
    expected = HashedLogisticRegression(categorical=tuple(fields), C=model.C).fit(fields, y[cut:])
    np.testing.assert_array_equal(model.linear_.coef_, expected.coef_)


def test_leaves_of_pure_noise_are_not_trusted():
    # Where labels are noise, leaves fit their own rows; later rows show that they hold nothing.
    rng = np.random.default_rng(4)
    X = {"ad_id": rng.integers(0, 400, 4_000), "age": rng.normal(size=4_000)}
    y = rng.integers(0, 2, 4_000)
    loose = {"min_child_samples": 2, "min_data_per_group": 2, "cat_smooth": 1.0, "cat_l2": 0.1}
    model = build(numeric=("age",), num_leaves=63, C=0.003, tree_settings=loose).fit(X, y)
    fresh = {"ad_id": rng.integers(0, 400, 4_000), "age": rng.normal(size=4_000)}
    noise = rng.integers(0, 2, 4_000)
    ours = log_loss(noise, model.predict_proba(fresh)[:, 1])
    trees = log_loss(noise, model.trees_.predict_proba(fresh)[:, 1])
    assert ours < np.log(2) + 0.02
    assert trees > ours + 0.01


def test_leaf_indices_are_one_field_a_tree(log):
    X, y = log
    model = build(n_estimators=7).fit(X, y)
    leaves = model.trees_.leaf_indices(X)
    assert leaves.shape == (len(y), 7)
    assert leaves.min() >= 0
    assert leaves.max() < 8
    assert model.trees_.leaf_indices(part(X, slice(0))).shape == (0, 7)
    assert len(model.linear_.categorical) == 7


def test_keep_ids_puts_the_ids_beside_the_leaves(log):
    X, y = log
    plain, kept = (build(keep_ids=keep, n_estimators=3).fit(X, y) for keep in (False, True))
    assert len(kept.linear_.categorical) == len(plain.linear_.categorical) + 1
    one_row = part(X, slice(1))
    others = {**one_row, "ad_id": np.array([19 - one_row["ad_id"][0]])}
    assert kept.predict_proba(one_row)[0, 1] != kept.predict_proba(others)[0, 1]


def test_valid_stops_the_trees_and_enters_no_regression(log):
    X, y = log
    held = part(X, slice(6_000, None)), y[6_000:]
    train = part(X, slice(6_000)), y[:6_000]
    stopped = build(n_estimators=400, patience=5).fit(*train, valid=held)
    exact = build(n_estimators=stopped.trees_.trees_).fit(*train)
    assert stopped.trees_.trees_ < 400
    np.testing.assert_allclose(stopped.predict_proba(held[0]), exact.predict_proba(held[0]))


def test_weights_reach_both_steps(log):
    X, y = log
    for rows in (slice(4_000), slice(4_000, None)):
        weights = np.ones(len(y))
        weights[rows] = np.where(y[rows] == 1, 4.0, 1.0)
        raised = build().fit(X, y, sample_weight=weights).predict_proba(X)
        assert not np.allclose(raised, build().fit(X, y).predict_proba(X))
    assert raised[:, 1].mean() > y.mean() + 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tree_share": 0.0}, "tree_share is 0.0; give a share"),
        ({"tree_share": 1.0}, "tree_share is 1.0"),
        ({"tree_settings": {"depth": 3}}, "tree_settings: .*'depth'.*name arguments of LightGBM"),
        ({"categorical": (), "numeric": ()}, "no column"),
        ({"C": 0.0}, "C is 0.0"),
    ],
)
def test_bad_settings_are_named(log, settings, message):
    with pytest.raises(InputError, match=message):
        build(**settings).fit(*log)


def test_leaves_need_a_fit(log):
    with pytest.raises(InputError, match="call fit first"):
        LightGBMScorer(numeric=("age",)).leaf_indices(log[0])
