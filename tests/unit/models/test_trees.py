import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mlsd.metrics import log_loss
from mlsd.models import LightGBMScorer, trees
from mlsd.runtime import InputError


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(0)
    X = {"ad_id": rng.integers(0, 40, 6_000), "age": rng.normal(size=6_000)}
    score = rng.normal(0, 1, 40)[X["ad_id"]] * np.where(X["age"] > 0, 1, -1)
    return X, (rng.random(6_000) < 1 / (1 + np.exp(-score))).astype(int)


def part(X, rows):
    return {name: values[rows] for name, values in X.items()}


def build(**changes):
    options = {"min_child_samples": 20, "min_data_per_group": 20, "cat_smooth": 5.0, "cat_l2": 5.0}
    columns = {"categorical": ("ad_id",), "numeric": ("age",)}
    return LightGBMScorer(**{**columns, **options, **changes})


def test_learns_an_interaction_of_an_id_and_a_number(log):
    X, y = log
    model = build(n_estimators=100).fit(part(X, slice(5_000)), y[:5_000])
    predicted = model.predict_proba(part(X, slice(5_000, None)))[:, 1]
    assert log_loss(y[5_000:], predicted) < 0.64


def test_stops_early_on_valid_and_predicts_with_the_best_trees(log):
    X, y = log
    held = part(X, slice(5_000, None)), y[5_000:]
    train = part(X, slice(5_000)), y[:5_000]
    stopped = build(patience=10).fit(*train, valid=held)
    assert stopped.trees_ < 500
    exact = build(n_estimators=stopped.trees_).fit(*train)
    np.testing.assert_allclose(stopped.predict_proba(held[0]), exact.predict_proba(held[0]))


def test_trees_after_the_best_one_enter_no_prediction(log):
    """Later trees learn flipped labels by heart; which number is best, trying each one tells."""
    X, y = log
    noisy = np.where(np.random.default_rng(1).random(3_000) < 0.1, 1 - y[:3_000], y[:3_000])
    train, later = (part(X, slice(3_000)), noisy), (part(X, slice(3_000, None)), y[3_000:])

    def loss(model):
        return log_loss(later[1], model.predict_proba(later[0])[:, 1])

    settings = {"learning_rate": 0.3, "min_child_samples": 5}
    losses = [loss(build(n_estimators=n, **settings).fit(*train)) for n in range(1, 41)]
    best = 1 + int(np.argmin(losses))
    assert 1 < best < 20
    assert losses[-1] > losses[best - 1] + 0.02
    stopped = build(n_estimators=40, patience=30, **settings).fit(*train, valid=later)
    assert stopped.trees_ == best
    assert loss(stopped) == pytest.approx(losses[best - 1], rel=1e-9)
    assert stopped.leaf_indices(later[0]).shape == (len(later[1]), best)


def test_threads_do_not_change_the_model(log):
    with threadpool_limits(1):
        one = build(n_estimators=20).fit(*log).predict_proba(log[0])
    np.testing.assert_array_equal(one, build(n_estimators=20).fit(*log).predict_proba(log[0]))


def test_rare_ids_share_a_code_where_asked(log):
    X, y = log
    ids = np.where(np.arange(len(y)) % 100 == 0, np.arange(len(y)) + 1_000, X["ad_id"])
    model = build(n_estimators=20, min_count=5).fit({**X, "ad_id": ids}, y)
    assert model.vocabulary_.sizes_ == [41]


def test_needs_a_column(log):
    with pytest.raises(InputError, match="no column"):
        LightGBMScorer().fit(*log)


@pytest.mark.parametrize("threads", [1, 2])
def test_trees_of_many_columns_are_those_of_few(log, monkeypatch, threads):
    X, y = log
    numbers = {f"x{i}": np.random.default_rng(i).normal(size=len(y)) for i in range(12)}
    X, options = X | numbers, {"numeric": ("age", *numbers), "n_estimators": 60}
    with threadpool_limits(threads):
        few = build(**options).fit(X, y)
        monkeypatch.setattr(trees, "_MANY_COLUMNS", 3)
        many = build(**options).fit(X, y)
    assert "force_row_wise" in few.booster_.params
    assert "force_col_wise" in many.booster_.params
    np.testing.assert_array_equal(many.predict_proba(X), few.predict_proba(X))


def test_a_split_may_list_more_ids_where_rows_are_many(log, monkeypatch):
    X, y = log
    few = build(max_cat_threshold=2, n_estimators=20).fit(X, y)
    wide = build(max_cat_threshold=32, n_estimators=20).fit(X, y)
    monkeypatch.setattr(trees, "_MANY_ROWS", len(y))
    same = build(max_cat_threshold=2, n_estimators=20).fit(X, y)
    monkeypatch.setattr(trees, "_MANY_ROWS", len(y) - 1)
    many = build(max_cat_threshold=2, n_estimators=20).fit(X, y)
    np.testing.assert_array_equal(same.predict_proba(X), few.predict_proba(X))
    np.testing.assert_array_equal(many.predict_proba(X), wide.predict_proba(X))
    assert log_loss(y, many.predict_proba(X)[:, 1]) < log_loss(y, few.predict_proba(X)[:, 1])
