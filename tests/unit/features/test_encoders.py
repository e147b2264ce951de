import hashlib
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.preprocessing import StandardScaler

from mlsd.features import NumericEncoder, VocabularyEncoder, encoders, hash_buckets
from mlsd.runtime import InputError


def test_buckets_are_the_same_in_every_process():
    code = (
        "import numpy as np; from mlsd.features import hash_buckets; "
        "X = {'a': np.arange(50), 'b': np.array(['x', None, 'z'] * 50, dtype=object)[:50]}; "
        "print(hash_buckets(X, ('a', 'b'), 18).tolist())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    X = {"a": np.arange(50), "b": np.array(["x", None, "z"] * 50, dtype=object)[:50]}
    assert str(hash_buckets(X, ("a", "b"), 18).tolist()) == runs[0].stdout.strip()


def test_buckets_stay_as_they_were_published():
    X = {"n": np.array([0, 1, -1, 2**40]), "t": np.array(["", "a", "b", None], dtype=object)}
    text = hash_buckets(X, ("n", "t"), 30).astype("<i8").tobytes()
    assert hashlib.sha256(text).hexdigest()[:16] == "e218c78a2c1418c4"


@pytest.mark.parametrize("bits", [1, 10, 20, 63])
def test_buckets_fill_their_range(bits):
    buckets = hash_buckets({"a": np.arange(20_000)}, ("a",), bits)
    assert buckets.dtype == np.int64
    assert buckets.min() >= 0
    assert buckets.max() < 2**bits
    assert buckets.max() > 0.99 * (2**bits - 1)


@pytest.mark.parametrize(
    "values", [np.arange(64_000), np.arange(64_000) * 1024, np.arange(64_000).astype(str)]
)
def test_buckets_are_spread_evenly(values):
    counts = np.bincount(hash_buckets({"a": values}, ("a",), 6)[:, 0], minlength=64)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_equal_numbers_share_a_bucket_whatever_their_type():
    numbers = [np.array([3, 7]), np.array([3, 7], np.int8), np.array([3.0, 7.0]), [3, 7]]
    buckets = [hash_buckets({"a": values}, ("a",), 40) for values in numbers]
    assert all((each == buckets[0]).all() for each in buckets)


def test_the_name_salts_and_text_is_no_number():
    X = {"a": np.array([3]), "b": np.array([3]), "text": np.array(["3"], dtype=object)}
    buckets = hash_buckets(X, ("a", "b", "text"), 60)[0]
    assert len(set(buckets.tolist())) == 3


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.0, np.nan, np.nan, 2.5]),
        np.array(["x", None, np.nan, "y"], dtype=object),
        pd.Series(["x", None, None, "y"], dtype="category"),
    ],
)
def test_missing_values_share_a_bucket_of_their_own(values):
    buckets = hash_buckets(pd.DataFrame({"a": values}), ("a",), 60)[:, 0]
    assert buckets[1] == buckets[2]
    assert len(set(buckets.tolist())) == 3


@pytest.mark.parametrize("bits", [0, 64])
def test_bits_out_of_range_are_refused(bits):
    with pytest.raises(InputError, match=f"bits is {bits}"):
        hash_buckets({"a": [1]}, ("a",), bits)


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match=r"column 'b' is missing; the table has \['a'\]"):
        hash_buckets({"a": [1]}, ("b",), 8)


def test_without_columns_there_are_no_codes():
    assert hash_buckets({"a": [1]}, (), 8).shape[1] == 0
    assert VocabularyEncoder(()).fit({"a": [1]}).transform({"a": [1]}).shape[1] == 0


@pytest.mark.parametrize(
    ("seen", "asked", "codes"),
    [
        ([5, 9, 5], [9, 5, 7, -3], [2, 1, 0, 0]),
        ([5, 10**12, 5], [10**12, 10**12 + 1], [2, 0]),
        (["tv", "phone"], ["phone", "tv", "fridge", None], [2, 1, 0, 0]),
        (["tv", None, np.nan], [None, "tv"], [2, 1]),
        ([1.5, np.nan], [np.nan, 1.5, 2.5], [2, 1, 0]),
        ([5, 9], ["5", "9"], [0, 0]),
        ([5, 9], [5.0, 9.5], [1, 0]),
        ([True, False], [False], [2]),
        (np.array([3, 4], np.uint8), np.array([300, 4], np.int64), [0, 2]),
    ],
)
def test_codes_follow_first_appearance(seen, asked, codes):
    as_column = lambda v: {"a": v if isinstance(v, np.ndarray) else pd.Series(v).to_numpy()}
    encoder = VocabularyEncoder(("a",)).fit(as_column(seen))
    found = encoder.transform(as_column(asked))
    assert found.dtype == np.int64
    assert found[:, 0].tolist() == codes


def test_rare_values_are_unknown():
    encoder = VocabularyEncoder(("a", "b"), min_count=2)
    encoder.fit({"a": np.array([1, 1, 2, 3, 3]), "b": np.array(list("xxyyz"), dtype=object)})
    X = {"a": np.array([1, 2, 3]), "b": np.array(list("xyz"), dtype=object)}
    assert encoder.transform(X).tolist() == [[1, 1], [0, 2], [2, 0]]
    assert encoder.sizes_ == [3, 3]


def test_codes_round_trip_on_random_integers():
    rng = np.random.default_rng(0)
    values = rng.integers(-50, 50, 2_000)
    codes = VocabularyEncoder(("a",)).fit({"a": values}).transform({"a": values})[:, 0]
    assert codes.min() == 1
    assert (pd.factorize(values)[0] + 1 == codes).all()


def test_standard_numbers_are_those_of_scikit_learn():
    values = np.random.default_rng(1).normal(3, 2, 1_000)
    found = NumericEncoder(("a",)).fit({"a": values}).transform({"a": values})
    expected = StandardScaler().fit_transform(values[:, None])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_heavy_tail_is_taken_to_logarithms_of_both_signs():
    values = np.random.default_rng(2).pareto(0.8, 5_000) * np.tile([1, -1], 2_500)
    found = NumericEncoder(("a",)).fit({"a": values}).transform({"a": values})[:, 0]
    shape = np.sign(values) * np.log1p(np.abs(values))
    np.testing.assert_allclose(found, (shape - shape.mean()) / shape.std(), rtol=1e-4, atol=1e-5)
    assert (np.argsort(found, kind="stable") == np.argsort(values.astype(np.float32))).mean() > 0.99


def test_quantiles_are_uniform_on_any_scale():
    values = np.exp(np.random.default_rng(3).normal(0, 3, 20_000))
    encoder = NumericEncoder(("a",), method="quantile").fit({"a": values})
    found = encoder.transform({"a": values})[:, 0]
    assert stats.kstest(found / np.sqrt(12) + 0.5, "uniform").statistic < 0.01
    beyond = encoder.transform({"a": np.array([-1.0, 1e12])})[:, 0]
    np.testing.assert_allclose(beyond, [-np.sqrt(3), np.sqrt(3)], rtol=0.01)


def test_quantiles_of_ties_are_their_mid_ranks():
    encoder = NumericEncoder(("a",), method="quantile").fit({"a": [0, 0, 0, 1]})
    found = encoder.transform({"a": [0, 1]})[:, 0] / np.sqrt(12) + 0.5
    np.testing.assert_allclose(found, [3 / 8, 7 / 8], rtol=1e-6)


def test_missing_numbers_become_the_mean_and_are_indicated():
    X = {"a": [1.0, np.nan, 3.0], "b": [1.0, 2.0, 3.0], "c": [np.inf, 0.0, 1.0]}
    encoder = NumericEncoder(("a", "b", "c")).fit(X)
    found = encoder.transform(X)
    assert encoder.size_ == 5
    assert found[:, 3].tolist() == [0, 1, 0]
    assert found[:, 4].tolist() == [1, 0, 0]
    assert found[1, 0] == found[0, 2] == 0
    later = encoder.transform({"a": [2.0], "b": [np.nan], "c": [0.5]})
    assert later.tolist() == [[0, 0, 0, 0, 0]]


@pytest.mark.parametrize("method", ["standard", "quantile"])
@pytest.mark.parametrize("values", [[7.0, 7.0], [np.nan, np.nan], [1e9, 1e9]])
def test_a_constant_or_empty_column_is_zero(method, values):
    encoder = NumericEncoder(("a",), method=method).fit({"a": values})
    assert (encoder.transform({"a": [*values, 123.0]})[:, 0] == 0).all()


def test_outliers_unseen_in_training_are_held():
    encoder = NumericEncoder(("a",)).fit({"a": np.arange(10.0)})
    assert encoder.transform({"a": [1e30]}).tolist() == [[10.0]]


def test_bad_numbers_and_methods_are_refused():
    with pytest.raises(InputError, match="column 'a' is not numeric"):
        NumericEncoder(("a",)).fit({"a": ["x"]})
    with pytest.raises(InputError, match="method is 'rank'"):
        NumericEncoder(("a",), method="rank").fit({"a": [1]})


def test_inputs_are_left_as_they_were():
    X = pd.DataFrame({"a": [1, 2, 2], "b": ["x", None, "y"], "c": [1.0, np.nan, 3.0]})
    before = X.copy()
    hash_buckets(X, ("a", "b", "c"), 8)
    VocabularyEncoder(("a", "b")).fit(X).transform(X)
    NumericEncoder(("c",)).fit(X).transform(X)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("method", ["standard", "quantile"])
def test_a_table_in_blocks_of_rows_is_scaled_as_in_one(monkeypatch, method):
    rng = np.random.default_rng(7)
    X = {
        "plain": rng.normal(5, 2, 50),
        "heavy": np.where(np.arange(50) == 3, 1e6, rng.random(50)),
        "missing": np.where(np.arange(50) % 7 == 0, np.nan, rng.random(50)),
        "whole": rng.integers(0, 9, 50),
        "same": np.full(50, 3.0),
    }
    encoder = NumericEncoder(tuple(X), method=method).fit(X)
    whole = encoder.transform(X)
    monkeypatch.setattr(encoders, "_BLOCK_CELLS", 35)
    np.testing.assert_array_equal(encoder.transform(X), whole)
    alone = [NumericEncoder((name,), method=method).fit(X).transform(X)[:, 0] for name in X]
    np.testing.assert_array_equal(whole[:, :5], np.column_stack(alone))
    np.testing.assert_array_equal(whole[:, 5], np.isnan(X["missing"]))
