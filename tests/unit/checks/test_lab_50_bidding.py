import numpy as np
import pandas as pd
import pytest

from mlsd.checks.ad_click.lab_50_bidding import (
    _BID_LAWS,
    REPLAYED_SHARE,
    _replayed_share,
    check_bid_for,
    check_cut_to_deploy,
)
from mlsd.lab_support.ad_click.reserve_cuts import replay, segment_reserves
from mlsd.lab_support.ad_click.thin_market import replayed_revenue
from mlsd.policies.ad_click import per_click


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


def replayed(make_reserve):
    """Return whether reserves pass what the check asks before it deploys them."""
    shares = [_replayed_share(make_reserve, law) for law in _BID_LAWS.values()]
    return min(shares) >= REPLAYED_SHARE


@pytest.mark.parametrize("prices", [10, 49, 200])
def test_any_reasonable_number_of_prices_passes_the_replay(prices):
    def make_reserve(candidates):
        grid = np.quantile(candidates["bid"], np.linspace(0.05, 0.95, prices))
        earned = [replayed_revenue(candidates, per_click(price)) for price in grid]
        return per_click(grid[np.argmax(earned)])

    assert replayed(make_reserve)


@pytest.mark.parametrize("share", np.linspace(0.3, 1.3, 11))
def test_no_share_of_the_mean_bid_passes_the_replay(share):
    assert not replayed(lambda candidates: per_click(share * candidates["bid"].mean()))


@pytest.mark.parametrize("quantile", np.linspace(0.1, 0.9, 9))
def test_no_quantile_of_the_bids_passes_the_replay(quantile):
    assert not replayed(lambda candidates: per_click(candidates["bid"].quantile(quantile)))


@pytest.mark.parametrize("groups", [4, 8, 16, 32])
def test_no_number_of_groups_of_rates_passes_the_replay(groups):
    def make_reserve(candidates):
        rate = candidates["predicted_ctr"].to_numpy().reshape(-1, 2)
        score, top = rate * candidates["bid"].to_numpy().reshape(-1, 2), rate.max(axis=1)
        edges = np.quantile(top, np.linspace(0, 1, groups + 1)[1:-1])
        parts = score.max(axis=1), score.min(axis=1), np.digitize(top, edges)
        reserves = segment_reserves(*parts, groups)
        return lambda predicted: reserves[np.digitize(predicted.max(axis=1), edges)]

    assert not replayed(make_reserve)
