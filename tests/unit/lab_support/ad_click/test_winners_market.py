from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.ad_click import winners_market as winners_market_module
from mlsd.lab_support.ad_click.winners_market import (
    RIVALS,
    RetrievalPolicy,
    WinnersMarket,
    unchanged,
)
from mlsd.runtime import InputError
from mlsd.worlds.ad_click import Actions
from mlsd.worlds.base import CandidateRequests


class Rates:
    def __init__(self, rate):
        self.rate = rate

    def act(self, requests):
        return Actions(np.full(requests.candidates["bid"].shape, self.rate))

    def observe(self, events):
        pass


def requests(publishers):
    bid = np.tile(np.arange(1.0, 13.0), (len(publishers), 1))
    context = {"publisher_id": np.array(publishers)}
    count = len(publishers)
    return CandidateRequests(np.zeros(count), np.arange(count), context, {"bid": bid}, slots=1)


def test_only_the_candidates_that_a_page_finds_can_win():
    policy = RetrievalPolicy(Rates(0.1), Rates(0.1), unchanged(None))
    winner = policy.act(requests([0, 1, 2])).rank_score.argmax(axis=1)
    np.testing.assert_array_equal(winner + 1, RIVALS)


def test_one_model_promises_and_the_other_ranks():
    actions = RetrievalPolicy(Rates(0.1), Rates(0.2), unchanged(None)).act(requests([2]))
    np.testing.assert_allclose(actions.predicted_ctr, 0.1)
    np.testing.assert_allclose(actions.rank_score[0], 0.2 * np.arange(1, 13))


def test_a_correction_is_told_how_many_compete():
    def by_rivals(predicted, rivals):
        return predicted / rivals

    policy = RetrievalPolicy(Rates(0.6), Rates(0.6), by_rivals)
    promised = policy.act(requests([0, 1, 2])).predicted_ctr
    np.testing.assert_allclose(promised[:, 0], 0.6 / RIVALS)


@pytest.mark.parametrize("wrong", [0.0, 1.0, np.nan])
def test_what_is_no_probability_is_refused(wrong):
    policy = RetrievalPolicy(Rates(0.1), Rates(0.1), lambda p, rivals: np.full(p.shape, wrong))
    with pytest.raises(InputError, match="probabilities between 0 and 1"):
        policy.act(requests([0]))


DAY = 86_400


def impressions(days):
    """Return ten impressions a day at one page, shown at random."""
    count = 10 * len(days)
    return pd.DataFrame(
        {
            "ts": np.repeat(days, 10) * DAY + np.tile(np.arange(10.0), len(days)),
            "publisher_id": 1,
            "predicted_ctr": 0.1,
            "click": 0,
            "explored": True,
            "impression_id": np.arange(count),
        }
    )


class World:
    """Shows every day's impressions, those of the history too, to what is deployed."""

    def __init__(self, seed, config=None):
        self.asked = []

    def history(self, days):
        return SimpleNamespace(impressions=impressions(range(days)))

    def deploy(self, policy, days, history_days):
        self.asked.append((days, history_days))
        policy.observe({"impressions": impressions(range(history_days + days))})


def test_a_correction_is_made_from_five_days_and_graded_on_the_next_five():
    market = WinnersMarket(World(1), 4, pd.DataFrame(), (Rates(0.1),) * 3)
    shown = market.winners(unchanged(None))
    later = market.winners(unchanged(None), later=True)
    assert sorted(set(shown["day"])) == [4, 5, 6, 7, 8]
    assert sorted(set(later["day"])) == [9, 10, 11, 12, 13]
    assert market.world.asked == [(5, 4), (5, 9)]


def test_models_are_fitted_before_the_promised_days_and_two_share_no_row(monkeypatch):
    parts = []

    class Model:
        def predict_proba(self, rows):
            return np.full((len(rows), 2), 0.5)

    def fitted(rows, strength):
        parts.append(set(rows["impression_id"]))
        return Model()

    monkeypatch.setattr(winners_market_module, "AdClickWorld", World)
    monkeypatch.setattr(winners_market_module, "_fitted", fitted)
    monkeypatch.setattr(winners_market_module, "ScorerPolicy", lambda model: model)
    market = winners_market_module.winners_market.__wrapped__(seed=1, days=3)
    everything, one, other = parts
    assert everything == set(range(30))
    assert one | other == everything
    assert one
    assert not one & other
    assert sorted(set(market.everything["day"])) == [3, 4, 5, 6, 7]
