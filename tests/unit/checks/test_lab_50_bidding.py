import pandas as pd
import pytest

from mlsd.checks.ad_click.lab_50_bidding import check_bid_for, check_cut_to_deploy
from mlsd.lab_support.ad_click.reserve_cuts import replay, segment_reserves


@pytest.mark.parametrize("bins", [10, 30, 100])
def test_any_reasonable_number_of_bins_finds_a_good_bid(bins):
    def bid_for(value, log):
        kept = (value - log["price"]).where(log["won"] == 1, 0.0)
        trials = log.assign(kept=kept)[["bid", "kept"]]
        part = trials.groupby(pd.qcut(log["bid"], bins), observed=True).mean()
        return part["bid"][part["kept"].idxmax()] if part["kept"].max() > 0 else 0.0

    assert check_bid_for(bid_for).earned == 2


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_any_reasonable_split_finds_a_good_cut(share):
    def cut_to_deploy(best, second, cuts):
        known = int(share * len(best))
        earned = {}
        for name, segment in cuts.items():
            own = (best[:known], second[:known], segment[:known])
            reserves = segment_reserves(*own, segment.max() + 1)
            earned[name] = replay(best[known:], second[known:], segment[known:], reserves).sum()
        return max(earned, key=earned.get)

    assert check_cut_to_deploy(cut_to_deploy).earned == 2
