"""Shadows see every event, and a copy of them leaves the caller's as they were."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd

from mlsd.monitoring import ShadowedPolicy


class Counting:
    def __init__(self):
        self.seen = 0

    def observe(self, events):
        self.seen += len(events["impressions"])


EVENTS = {"impressions": pd.DataFrame({"ts": np.arange(3.0)})}


def test_shadows_observe_what_the_live_policy_observes():
    live, shadow = Counting(), Counting()
    ShadowedPolicy(live, {"next": shadow}, describe=None).observe(EVENTS)
    assert (live.seen, shadow.seen) == (3, 3)


def test_a_copy_that_is_deployed_leaves_the_callers_policies_alone():
    live, shadow = Counting(), Counting()
    deployed = copy.deepcopy(ShadowedPolicy(live, {"next": shadow}, describe=None))
    deployed.observe(EVENTS)
    assert (live.seen, shadow.seen) == (0, 0)
    assert deployed.shadows["next"].seen == 3
