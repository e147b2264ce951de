"""Feeds under a budget: costs by hand, late pages, and which linear model is broken."""

import numpy as np
import pytest

from mlsd import metrics
from mlsd.lab_support.video.ranking_budget import BUDGETS, gain, offers, validation

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


def test_one_linear_model_is_broken_and_it_depends_on_the_feed(offered):
    for seed in (SEED, SEED + 1):
        sound = 1 + (1 - seed % 2)
        assert offers(seed)[sound].name in ("linear A", "linear B")
    by_name = {each.name: ndcg(each) for each in offered}
    sound, broken = ("linear A", "linear B") if SEED % 2 else ("linear B", "linear A")
    assert by_name[sound] > by_name[broken] + 0.03


def test_a_late_page_earns_less_than_none(offered):
    place = 2 if SEED % 2 == 0 else 1
    assert gain(SEED, (place, 6), 1_152) > 0
    assert gain(SEED, (place, 7), 1_152) < -10
