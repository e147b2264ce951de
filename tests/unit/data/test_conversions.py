import numpy as np
import pandas as pd
import pytest

from mlsd.data import conversion_known_at, conversion_labels
from mlsd.runtime import InputError
from mlsd.worlds import AdClickWorld


@pytest.fixture
def tables():
    impressions = pd.DataFrame(
        {"impression_id": [30, 10, 20, 40], "click": [1, 0, 1, 1], "known_at": [1.0, 2.0, 3.0, 4.0]}
    )
    conversions = pd.DataFrame(
        {"impression_id": [20, 30, 30, 99], "known_at": [50.0, 80.0, 70.0, 5.0]}
    )
    return impressions, conversions


def test_the_first_conversion_counts_and_others_impressions_do_not(tables):
    assert conversion_known_at(*tables).tolist() == [70.0, np.inf, 50.0, np.inf]


@pytest.mark.parametrize(
    ("as_of", "converted"),
    [(4.0, [0, 0, 0, 0]), (49.9, [0, 0, 0, 0]), (50.0, [0, 0, 1, 0]), (np.inf, [1, 0, 1, 0])],
)
def test_a_conversion_counts_from_the_moment_it_is_known(tables, as_of, converted):
    labels = conversion_labels(*tables, as_of=as_of)
    assert labels[:, 0].tolist() == [1, 0, 1, 1]
    assert labels[:, 1].tolist() == converted
    assert labels.dtype == np.int8


def test_no_conversion_at_all(tables):
    assert conversion_labels(tables[0], tables[1].iloc[:0])[:, 1].tolist() == [0, 0, 0, 0]


def test_bad_tables_are_named(tables):
    impressions, conversions = tables
    with pytest.raises(InputError, match="not settled at 3"):
        conversion_labels(impressions, conversions, as_of=3.0)
    with pytest.raises(InputError, match="conversions: column 'known_at'"):
        conversion_labels(impressions, conversions.drop(columns="known_at"))
    with pytest.raises(InputError, match="impressions: column 'click'"):
        conversion_labels(impressions.drop(columns="click"), conversions)


def test_logs_as_of_a_time_and_labels_as_of_it_agree():
    logs = AdClickWorld(seed=3, size="small").history(days=12)
    until = 2.5 * 86_400
    then = logs.as_of(until)
    known = conversion_labels(then.impressions, then.conversions)
    now = conversion_labels(then.impressions, logs.conversions, as_of=until)
    np.testing.assert_array_equal(known, now)
    later = conversion_labels(then.impressions, logs.conversions)
    assert later[:, 1].sum() > known[:, 1].sum() > 0
    assert (later >= known).all()
    assert (later[:, 1] <= later[:, 0]).all()
