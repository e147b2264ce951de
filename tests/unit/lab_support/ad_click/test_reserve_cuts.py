from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.ad_click.reserve_cuts import (
    CutLog,
    cut_log,
    market_log,
    on_the_last_day,
    replay,
    segment_reserves,
)
from mlsd.lab_support.ad_click.thin_market import THIN


def test_reserves_by_hand():
    best = np.array([10.0, 8.0, 9.0, 3.0, 2.0, 4.0])
    second = np.array([1.0, 2.0, 8.5, 2.5, 0.5, 0.5])
    segment = np.array([0, 0, 0, 1, 1, 1])
    # 8 sells three times at 8, 8 and 8.5; 3 sells twice at 3, and 2 thrice at 2.5, 2 and 2.
    assert segment_reserves(best, second, segment, 2).tolist() == [8.0, 2.0]
    assert replay(best, second, segment, np.array([8.0, 2.0])).tolist() == [8, 8, 8.5, 2.5, 2, 2]


def test_a_segment_without_requests_gets_the_reserve_of_all():
    best, second = np.array([10.0, 8.0]), np.array([1.0, 2.0])
    assert segment_reserves(best, second, np.array([2, 2]), 4).tolist() == [8.0] * 4


def test_small_segments_promise_more_than_they_earn():
    scales = {"none": np.ones(1), "publisher": np.ones(600)}
    log, fresh = cut_log(1, scales, 6_000), cut_log(2, scales, 20_000)
    own, later = {}, {}
    for name, segments in (("none", 1), ("publisher", 600)):
        reserves = segment_reserves(log.best, log.second, log.cuts[name], segments)
        own[name] = replay(log.best, log.second, log.cuts[name], reserves).mean()
        later[name] = replay(fresh.best, fresh.second, fresh.cuts[name], reserves).mean()
    assert own["publisher"] > 1.1 * own["none"]
    assert later["publisher"] < 0.95 * later["none"]


def test_the_last_day_is_kept_from_the_reserves():
    best, second = np.array([10.0, 10.0, 4.0, 20.0]), np.array([1.0, 1.0, 1.0, 1.0])
    log = CutLog(best, second, {"none": np.zeros(4, int), "kind": np.array([0, 0, 1, 1])})
    requests = pd.DataFrame({"day": [1, 1, 1, 2], "user_id": [1, 2, 3, 4]})
    table = on_the_last_day(log, requests)
    assert table["own replay"].to_dict() == pytest.approx({"none": 20_000 / 3, "kind": 8_000})
    assert table["next day"].to_dict() == {"none": 10_000.0, "kind": 4_000.0}


def test_a_market_log_has_a_line_per_request():
    config = replace(THIN, users=2_000, requests_per_day=3_000)
    log, requests = market_log(seed=4, config=config, days=3)
    assert {len(segment) for segment in log.cuts.values()} == {len(requests)} == {len(log.best)}
    assert (log.best >= log.second).all()
    assert requests["day"].unique().tolist() == [1, 2]
