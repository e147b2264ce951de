import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from mlsd.metrics import auc, average_precision, log_loss, normalized_entropy
from mlsd.runtime import InputError

EVERY = (log_loss, normalized_entropy, auc, average_precision)


@pytest.fixture(params=[None, 1], ids=["distinct", "tied"])
def sample(request):
    random = np.random.default_rng(3)
    p = random.beta(1, 8, 2_000)
    if request.param:
        p = p.round(request.param)
    return (random.random(2_000) < p).astype(int), p


def test_hand_computed_values():
    y, p = [1, 0, 0, 1], [0.9, 0.2, 0.6, 0.6]
    assert log_loss(y, p) == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.6]).mean())
    assert normalized_entropy(y, p) == pytest.approx(log_loss(y, p) / np.log(2))
    assert auc(y, p) == pytest.approx((2 + 1.5) / 4)
    assert average_precision(y, p) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


def test_equal_to_scikit_learn(sample):
    y, p = sample
    assert log_loss(y, p) == pytest.approx(reference.log_loss(y, p), rel=1e-12)
    assert auc(y, p) == pytest.approx(reference.roc_auc_score(y, p), rel=1e-12)
    assert average_precision(y, p) == pytest.approx(
        reference.average_precision_score(y, p), rel=1e-12
    )


def test_a_perfect_prediction_reaches_the_best_value():
    y = np.array([0, 1, 1, 0, 0])
    assert log_loss(y, y) == pytest.approx(0, abs=1e-12)
    assert normalized_entropy(y, y) == pytest.approx(0, abs=1e-12)
    assert auc(y, y) == average_precision(y, y) == 1


def test_a_constant_prediction_knows_nothing():
    y = np.array([0, 1, 0, 0, 1, 0])
    constant = np.full(6, 1 / 3)
    assert normalized_entropy(y, constant) == pytest.approx(1)
    assert auc(y, constant) == 0.5
    assert average_precision(y, constant) == pytest.approx(1 / 3)


def test_a_constant_at_any_other_rate_has_more_than_one(sample):
    y, _ = sample
    for rate in (y.mean() * 0.9, y.mean() * 1.1):
        assert normalized_entropy(y, np.full(len(y), rate)) > 1


def test_an_inverted_prediction_is_the_worst():
    y = np.array([0, 1, 1, 0])
    assert auc(y, 1 - y) == 0
    assert normalized_entropy(y, 1 - y) > 50


def test_reversed_scores_mirror_auc(sample):
    y, p = sample
    assert auc(y, -p) == pytest.approx(1 - auc(y, p), abs=1e-12)


@pytest.mark.parametrize("metric", [auc, average_precision])
def test_ordering_metrics_ignore_monotone_transforms(metric, sample):
    y, p = sample
    assert metric(y, np.exp(5 * p) - 7) == pytest.approx(metric(y, p), rel=1e-12)


@pytest.mark.parametrize("metric", EVERY)
def test_the_order_of_rows_plays_no_part(metric, sample):
    y, p = sample
    shuffled = np.random.default_rng(0).permutation(len(y))
    assert metric(y[shuffled], p[shuffled]) == pytest.approx(metric(y, p), rel=1e-12)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=25).filter(
        lambda rows: len({label for label, _ in rows}) == 2
    )
)
def test_auc_is_the_share_of_pairs_in_order(rows):
    y, p = np.array(rows, dtype=float).T
    pairs = p[y == 1][:, None] - p[y == 0]
    assert auc(y, p) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


@pytest.mark.parametrize("metric", EVERY)
@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([], [], "y is empty"),
        ([0, 1], [0.5], "y has 2 rows and p has 1"),
        ([0, 1], [0.5, np.nan], r"p\[1\] is nan"),
        ([0, 1], [np.inf, 0.5], r"p\[0\] is inf"),
        ([0, 2], [0.5, 0.5], r"y\[1\] is 2; labels have to be 0 or 1"),
        ([0, np.nan], [0.5, 0.5], r"y\[1\] is nan"),
        ([[0, 1]], [0.5, 0.5], "y has shape"),
        (["no", "yes"], [0.5, 0.5], "y does not hold numbers"),
    ],
)
def test_bad_input_is_named(metric, y, p, message):
    with pytest.raises(InputError, match=message):
        metric(y, p)


@pytest.mark.parametrize("metric", [log_loss, normalized_entropy])
@pytest.mark.parametrize("p", [[-0.1, 0.5], [0.5, 1.1]])
def test_a_value_outside_zero_to_one_is_no_probability(metric, p):
    with pytest.raises(InputError, match="a probability lies between 0 and 1"):
        metric([0, 1], p)


@pytest.mark.parametrize("metric", [auc, normalized_entropy])
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_refused_where_the_metric_needs_both(metric, label):
    with pytest.raises(InputError, match=f"all 3 labels are {label}"):
        metric([label] * 3, [0.1, 0.2, 0.3])


def test_average_precision_needs_a_one():
    with pytest.raises(InputError, match="no label is 1"):
        average_precision([0, 0], [0.1, 0.2])
    assert average_precision([1, 1], [0.1, 0.2]) == 1
