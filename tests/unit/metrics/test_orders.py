"""Agreement of orders: known values, rows apart, and intervals that widen with few models."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from mlsd.metrics import rank_correlation
from mlsd.runtime import InputError


def test_one_row_is_spearman_with_ties():
    random = np.random.default_rng(0)
    one, other = random.integers(5, size=12), random.normal(size=12)
    expected = spearmanr(one, other).statistic
    assert rank_correlation(one, other, repetitions=20).estimate == pytest.approx(expected)


def test_rows_are_ranked_apart_and_averaged():
    one = np.array([[1, 2, 3, 4], [400, 300, 200, 100]])
    other = np.array([[1, 2, 3, 4], [1, 2, 3, 4]])
    assert rank_correlation(one, other, repetitions=20).estimate == pytest.approx(0)
    one[1] = 7
    assert rank_correlation(one, other, repetitions=20).estimate == pytest.approx(1)


def test_the_interval_covers_what_it_promises_and_shrinks():
    random = np.random.default_rng(1)
    widths = []
    for columns in (10, 100):
        x = random.normal(size=(1, columns))
        found = rank_correlation(x, x + random.normal(size=x.shape), repetitions=300)
        assert found.low < found.estimate < found.high
        widths.append(found.high - found.low)
    assert widths[1] < 0.6 * widths[0]


def test_a_lead_is_the_difference_and_certain_where_each_resample_agrees():
    random = np.random.default_rng(2)
    value = random.normal(size=(3, 12))
    noise = random.normal(size=value.shape)
    alone = [rank_correlation(each, value, repetitions=200) for each in (value, noise)]
    lead = rank_correlation(value, value, rival=noise, repetitions=200)
    assert lead.estimate == pytest.approx(alone[0].estimate - alone[1].estimate)
    assert lead.low > 0
    assert rank_correlation(noise, value, rival=noise, repetitions=20).high == 0


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="at least three"):
        rank_correlation([1, 2], [1, 2])
    with pytest.raises(InputError, match="shapes"):
        rank_correlation([1, 2, 3], [[1, 2, 3], [1, 2, 3]])
    with pytest.raises(InputError, match="shapes"):
        rank_correlation([1, 2, 3], [1, 2, 3], rival=[1, 2, 3, 4])
