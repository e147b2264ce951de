import numpy as np
import pytest
from sklearn import metrics as reference

from mlsd.metrics import best_f1_threshold, f1_score
from mlsd.runtime import InputError


@pytest.fixture(params=[8, 2], ids=["distinct", "tied"])
def rare(request):
    random = np.random.default_rng(2)
    p = random.beta(0.3, 30, 5_000).round(request.param)
    return (random.random(5_000) < p).astype(int), p


def test_hand_computed_values():
    y, p = [1, 0, 0, 1], [0.9, 0.2, 0.6, 0.6]
    assert f1_score(y, p, threshold=0.6) == pytest.approx(2 * 2 / (3 + 2))
    assert f1_score(y, p, threshold=0.7) == pytest.approx(2 * 1 / (1 + 2))
    assert f1_score(y, p, threshold=0.95) == 0
    assert best_f1_threshold(y, p) == 0.6


@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.02, 0.1, 0.5])
def test_equal_to_scikit_learn(rare, threshold):
    y, p = rare
    expected = reference.f1_score(y, p >= threshold, zero_division=0)
    assert f1_score(y, p, threshold=threshold) == pytest.approx(expected, rel=1e-12)


def test_no_threshold_does_better_than_the_best(rare):
    y, p = rare
    values = [f1_score(y, p, threshold=each) for each in np.unique(p)]
    best = best_f1_threshold(y, p)
    assert f1_score(y, p, threshold=best) == max(values)
    assert best == np.unique(p)[np.flatnonzero(np.array(values) == max(values)).max()]


def test_the_best_threshold_of_calibrated_probabilities_is_half_the_best_f1():
    random = np.random.default_rng(0)
    p = random.beta(0.3, 30, 400_000)
    y = random.random(400_000) < p
    best = best_f1_threshold(y, p)
    assert y.mean() == pytest.approx(0.01, abs=0.001)
    assert best == pytest.approx(f1_score(y, p, threshold=best) / 2, abs=0.01)


def test_one_half_finds_nothing_where_ones_are_rare():
    random = np.random.default_rng(1)
    p = random.beta(1, 99, 100_000)
    y = random.random(100_000) < p
    assert f1_score(y, p, threshold=0.5) == 0
    assert f1_score(y, p, threshold=best_f1_threshold(y, p)) > 2 * y.mean()


def test_an_uninformative_score_calls_everything_a_one():
    y = np.array([0, 0, 0, 1])
    best = best_f1_threshold(y, np.full(4, 0.25))
    assert best == 0.25
    assert f1_score(y, np.full(4, 0.25), threshold=best) == pytest.approx(2 * 0.25 / 1.25)


@pytest.mark.parametrize(
    ("y", "p", "threshold", "message"),
    [
        ([0, 0], [0.1, 0.2], 0.5, "no label is 1; F1"),
        ([0, 1], [0.1, 0.2], np.nan, "threshold is nan"),
        ([0, 1], [0.1, 0.2], None, "threshold is None"),
        ([0, 1], [0.1], 0.5, "y has 2 rows and p has 1"),
        ([0, 3], [0.1, 0.2], 0.5, r"y\[1\] is 3"),
    ],
)
def test_bad_input_is_named(y, p, threshold, message):
    with pytest.raises(InputError, match=message):
        f1_score(y, p, threshold=threshold)


def test_the_best_threshold_needs_a_one():
    with pytest.raises(InputError, match="no label is 1; F1"):
        best_f1_threshold([0, 0], [0.1, 0.2])
