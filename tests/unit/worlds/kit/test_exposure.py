import numpy as np

from mlsd.worlds.kit.exposure import EXPOSURE_UNITS, GROUPS, ExposureTally
from mlsd.worlds.kit.tally import Measures


def test_an_item_shown_twice_to_the_same_users_counts_twice():
    units = {"views": "views", **EXPOSURE_UNITS}
    measures = Measures(("views",), units, lambda sums: sums)
    owner = np.array([0, 0, 1])
    tally = ExposureTally(2, measures, owner=owner, available=np.ones(3, bool), span=range(1))
    # Users 1 and 1 + GROUPS belong to one group.
    users = np.array([1, 1, 1 + GROUPS, 2])
    for _ in range(10):
        tally.add_exposures(users, np.array([2, 2, 2, 0]))
    assert tally.shown.sum(axis=0).tolist() == [10, 0, 30]
    assert tally.shown[1].tolist() == [0, 0, 30]
    _, coverage, inequality = tally.estimates()
    assert coverage == 1 / 3
    # Two creators with 10 and 30 impressions.
    assert inequality == 0.25
