"""One value from several heads."""

import numpy as np
import pytest

from mlsd.models import PointwiseRanker, SmoothedRate, ValueRanker
from mlsd.runtime import InputError

ITEMS = np.array([1, 2] * 200)
ROWS = {"item_id": ITEMS}
# Item 1 is clicked and never liked, item 2 is liked by every second viewer.
CLICK = (ITEMS == 1).astype(int)
LIKE = ((ITEMS == 2) & (np.arange(400) % 4 == 1)).astype(int)
GROUPS = np.repeat(np.arange(200), 2)


def head():
    return PointwiseRanker(scorer=SmoothedRate(levels=(("item_id",),)))


def ranker(weight):
    return ValueRanker(
        heads={"click": head(), "like": head()},
        value=lambda predicted: predicted["click"] + weight * predicted["like"],
    )


def fitted(weight):
    return ranker(weight).fit(ROWS, np.column_stack([CLICK, LIKE]), GROUPS)


def test_each_head_learns_its_own_outcome_and_the_weight_decides():
    rows = {"item_id": np.array([1, 2])}
    predicted = fitted(1.0).predictions(rows)
    for name, outcome in (("click", CLICK), ("like", LIKE)):
        np.testing.assert_array_equal(
            predicted[name], head().fit(ROWS, outcome, GROUPS).score(rows)
        )
    assert np.argmax(fitted(1.0).score(rows)) == 0
    assert np.argmax(fitted(3.0).score(rows)) == 1


def test_heads_that_are_fitted_already_are_served_as_they_are():
    heads = fitted(1.0).heads
    by_like = ValueRanker(heads=heads, value=lambda predicted: predicted["like"])
    np.testing.assert_array_equal(by_like.score(ROWS), heads["like"].score(ROWS))
    assert by_like.score({"item_id": ITEMS[:0]}).shape == (0,)


def test_outcomes_have_one_column_per_head():
    with pytest.raises(InputError, match="one column for each of"):
        ranker(1.0).fit(ROWS, CLICK, GROUPS)


@pytest.mark.parametrize("value", [lambda p: 1.0, lambda p: p["like"] * np.nan])
def test_a_value_is_one_finite_number_per_row(value):
    with pytest.raises(InputError, match="one finite"):
        ValueRanker(heads=fitted(1.0).heads, value=value).score(ROWS)
