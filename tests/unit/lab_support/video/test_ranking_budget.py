"""Feeds under a budget: costs by hand, late pages, and which linear model is broken."""

import numpy as np
import pytest

from mlsd import metrics
from mlsd.lab_support.deployed import market_seeds
from mlsd.lab_support.video import ranking_budget
from mlsd.lab_support.video.ranking_budget import (
    BUDGETS,
    Offer,
    broken_linear,
    gain,
    no_ranker,
    offers,
    planned_gain,
    validation,
)

SEED = 71


@pytest.fixture(scope="module")
def offered():
    return offers(SEED)


def ndcg(offer):
    rows = validation(SEED)
    values = metrics.ndcg_of_group(rows["click"], offer.ranker.score(rows), rows["request_id"], 6)
    return np.nanmean(values)


def test_costs_are_those_that_the_lab_states(offered):
    costs = {each.name: each.cost for each in offered}
    assert costs == {"popularity": 7, "linear A": 192, "linear B": 192, "trees": 660}
    assert [budget // 192 for budget in BUDGETS] == [6, 26, 312]


def test_one_linear_model_is_broken(offered):
    by_name = {each.name: ndcg(each) for each in offered}
    sound, broken = ("linear A", "linear B")[:: 1 if broken_linear(SEED) else -1]
    assert by_name[sound] > by_name[broken] + 0.03


def test_which_one_is_broken_follows_from_neither_the_seed_nor_the_budget():
    drawn = np.array([[broken_linear(w) for w in market_seeds(s, 3)] for s in range(200)])
    assert len(np.unique(drawn, axis=0)) == 8
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.15


def test_a_planner_meets_each_linear_model_in_either_place(monkeypatch):
    made = tuple(Offer(name, object(), 1, 1) for name in ("one", "A", "B", "trees"))
    monkeypatch.setattr(ranking_budget, "offers", lambda world: made)
    monkeypatch.setattr(ranking_budget, "validation", lambda world: None)
    monkeypatch.setattr(ranking_budget, "gain", lambda world, plan, budget: float(plan[0]))
    seen = []

    def always(offered, rows, budget):
        seen.append([each.name for each in offered])
        return 1, 6

    def sound(offered, rows, budget):
        return [each.ranker for each in offered].index(made[2].ranker), 6

    assert planned_gain(7, always) == 1.5
    assert planned_gain(7, sound) == 2
    assert planned_gain(7, no_ranker) == -1
    assert all(names == ["one", "A", "B", "trees"] for names in seen)


def test_a_late_page_earns_less_than_none(offered):
    place = 2 - broken_linear(SEED)
    assert gain(SEED, (place, 6), 1_152) > 0
    assert gain(SEED, (place, 7), 1_152) < -10
