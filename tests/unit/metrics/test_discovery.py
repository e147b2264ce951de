import numpy as np
import pytest

from mlsd.metrics import catalogue_coverage, novelty_by_user
from mlsd.runtime import InputError


def test_coverage_counts_each_item_once_and_no_filler():
    lists = [[3, 1, 0], [1, 3, 2], [3, -1, -1]]
    assert catalogue_coverage(lists, items=8, k=1) == 2 / 8
    assert catalogue_coverage(lists, items=8, k=2) == 2 / 8
    assert catalogue_coverage(lists, items=4, k=3) == 1
    assert catalogue_coverage([[-1]], items=4, k=1) == 0


def test_novelty_by_hand():
    chosen_by = [15, 7, 3, 0]
    found = novelty_by_user([[0, 1], [2, 3], [1, -1], [-1, -1]], chosen_by, users=15, k=2)
    np.testing.assert_allclose(found, [(0 + 1) / 2, (2 + 4) / 2, 1, np.nan])


def test_the_most_popular_list_is_the_least_novel():
    generator = np.random.default_rng(0)
    chosen_by = generator.integers(100, size=50)
    popular = np.argsort(-chosen_by)[:10]
    others = [generator.permutation(50)[:10] for _ in range(20)]
    values = novelty_by_user([popular, *others], chosen_by, users=100, k=10)
    assert (values[0] <= values[1:]).all()


@pytest.mark.parametrize("wrong", [[[4]], [[-2]]])
def test_an_item_outside_the_catalogue_is_named(wrong):
    with pytest.raises(InputError, match="the catalogue has 4"):
        catalogue_coverage(wrong, items=4, k=1)
    with pytest.raises(InputError, match="the catalogue has 4"):
        novelty_by_user(wrong, [1, 1, 1, 1], users=2, k=1)
