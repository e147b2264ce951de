"""Changes between two reports are those of a comparison of the two policies."""

import numpy as np

from mlsd.experiments import twin_changes
from mlsd.models import PopularityRecommender
from mlsd.policies.video import RecommenderPolicy
from mlsd.worlds import VideoWorld


def test_changes_of_two_reports_are_those_of_a_comparison():
    world = VideoWorld(seed=4, size="small")
    frame = world.history(days=2).labelled().frame
    popular = RecommenderPolicy(PopularityRecommender().fit(frame[frame["watched"] == 1]))
    today, options = world.logging_policy(2), {"days": 2, "history_days": 2}
    names = ("watch_hours", "clicks", "satisfaction", "return_1")
    expected = world.compare(today, popular, **options).changes(*names)
    reports = [world.deploy(policy, **options) for policy in (today, popular)]
    found = twin_changes(*reports, world.measures, names=names)
    np.testing.assert_allclose(found["estimate"], expected["estimate"])
    width = (expected["high"] - expected["low"]).to_numpy()
    for end in ("low", "high"):
        assert (np.abs(found[end] - expected[end]) < 0.2 * width).all()
    assert (twin_changes(reports[0], reports[0], world.measures, names=names) == 0).all(axis=None)
