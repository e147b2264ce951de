import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

from mlsd.metrics import log_loss
from mlsd.models import HashedLogisticRegression, linear
from mlsd.runtime import InputError


@pytest.fixture(scope="module")
def log():
    rng = np.random.default_rng(2)
    columns = {
        "ad_id": (200 ** rng.random(1_500)).astype(int),
        "slot": rng.integers(0, 3, 1_500),
        "age": rng.normal(30, 9, 1_500),
    }
    score = 0.05 * (columns["age"] - 30) + rng.normal(0, 1, 201)[columns["ad_id"]] - 1
    return columns, (rng.random(1_500) < expit(score)).astype(int)


@pytest.mark.parametrize("C", [0.1, 10.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn_on_one_hot_columns(log, C, weighted):
    columns, y = log
    weight = np.linspace(0.5, 2, len(y)) if weighted else None
    ids = np.column_stack([columns["ad_id"], columns["slot"]])
    age = columns["age"]
    hot = OneHotEncoder(sparse_output=False).fit_transform(ids)
    matrix = np.column_stack([hot, (age - age.mean()) / age.std()])
    reference = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-8).fit(matrix, y, weight)
    model = HashedLogisticRegression(
        categorical=("ad_id", "slot"), numeric=("age",), C=C, bits=30, tolerance=1e-13, max_iter=300
    ).fit(columns, y, sample_weight=weight)
    expected = reference.predict_proba(matrix)[:, 1]
    np.testing.assert_allclose(model.predict_proba(columns)[:, 1], expected, atol=2e-4)
    assert model.intercept_ == pytest.approx(reference.intercept_[0], abs=2e-3)


def test_strong_penalty_leaves_the_rate(log):
    columns, y = log
    model = HashedLogisticRegression(categorical=("ad_id",), C=1e-9).fit(columns, y)
    np.testing.assert_allclose(model.predict_proba(columns)[:, 1], y.mean(), atol=1e-4)


def test_unit_of_a_number_does_not_matter(log):
    columns, y = log
    one, two = (
        HashedLogisticRegression(numeric=("age",), tolerance=1e-12)
        .fit({"age": columns["age"] * unit}, y)
        .predict_proba({"age": columns["age"] * unit})
        for unit in (1.0, 365.25)
    )
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_a_cross_holds_what_its_fields_cannot():
    rng = np.random.default_rng(0)
    X = {"a": rng.integers(0, 4, 4_000), "b": rng.integers(0, 4, 4_000)}
    y = (X["a"] + X["b"]) % 2
    plain = HashedLogisticRegression(categorical=("a", "b")).fit(X, y)
    crossed = HashedLogisticRegression(categorical=("a", "b"), crosses=(("a", "b"),)).fit(X, y)
    assert log_loss(y, plain.predict_proba(X)[:, 1]) > 0.68
    assert log_loss(y, crossed.predict_proba(X)[:, 1]) < 0.2


def test_a_cross_tells_apart_pairs_and_their_order():
    X = {"a": [1, 2, 1, 2] * 50, "b": [2, 1, 1, 2] * 50}
    model = HashedLogisticRegression(crosses=(("a", "b"),), C=100.0).fit(X, [1, 0, 0, 1] * 50)
    np.testing.assert_array_equal(model.predict_proba(X)[:4, 1].round(), [1, 0, 0, 1])


def test_few_buckets_collide_and_still_work(log):
    columns, y = log
    model = HashedLogisticRegression(categorical=("ad_id",), bits=2).fit(columns, y)
    assert len(model.coef_) <= 4
    assert np.unique(model.predict_proba(columns)[:, 1]).size <= 4


def test_no_column_learns_the_rate(log):
    columns, y = log
    model = HashedLogisticRegression().fit(columns, y)
    np.testing.assert_allclose(model.predict_proba(columns)[:, 1], y.mean())


def test_C_has_to_be_above_zero(log):
    with pytest.raises(InputError, match="C is"):
        HashedLogisticRegression(categorical=("ad_id",), C=0).fit(*log)


def test_a_table_in_blocks_of_rows_is_fitted_as_in_one(log, monkeypatch):
    columns, y = log
    options = {"categorical": ("ad_id", "slot"), "numeric": ("age",)}
    weight = np.linspace(0.5, 2, len(y))
    whole = HashedLogisticRegression(**options).fit(columns, y, sample_weight=weight)
    squares = linear._Objective(
        whole._one_hot(whole._buckets(columns, len(y))),
        whole._numbers(columns, len(y)),
        y,
        weight,
        1.0,
    )
    monkeypatch.setattr(linear, "_BLOCK_CELLS", 7)
    np.testing.assert_allclose(
        squares._squares()[-1], weight @ squares.numbers[:, 0].astype(float) ** 2, rtol=1e-12
    )
    blocks = HashedLogisticRegression(**options).fit(columns, y, sample_weight=weight)
    np.testing.assert_allclose(
        blocks.predict_proba(columns), whole.predict_proba(columns), rtol=1e-6
    )
