from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.worlds import AdClickConfig, AdClickWorld
from mlsd.worlds.ad_click.behaviour import (
    ATTRIBUTION_WINDOW,
    VIEW_UNIT,
    Behaviour,
    Shown,
    conversion_delay,
    examination,
)
from mlsd.worlds.ad_click.population import make_population
from mlsd.worlds.ad_click.traffic import Traffic

CONFIG = AdClickConfig().scaled("small")
POPULATION = make_population(CONFIG, seed=2)
BLOCK = next(iter(Traffic(POPULATION, CONFIG, 2, luck="nature").blocks(1)))
BEHAVIOUR = Behaviour(POPULATION, CONFIG)


def top_slots(block=BLOCK):
    row = np.arange(len(block.ts))
    return Shown(row, np.zeros(len(row), int), np.zeros(len(row), np.int8), block.ad[:, 0])


def odds(views, block=BLOCK):
    seen = np.full(len(block.ts), views * VIEW_UNIT, np.uint8)
    attraction = BEHAVIOUR.attraction(block, top_slots(block), seen)
    return attraction / (1 - attraction)


@pytest.mark.parametrize("views", [1, 3, 8])
def test_odds_fall_with_views_by_the_published_power(views):
    np.testing.assert_allclose(odds(views) / odds(0), (1 + views) ** -CONFIG.fatigue, rtol=1e-3)


def test_position_multiplies_the_click_probability():
    attraction = np.full(3, 0.1, np.float32)
    genuine = np.zeros(3, bool)
    clicks = BEHAVIOUR.click_probability(attraction, np.arange(3), genuine)
    np.testing.assert_allclose(clicks, 0.1 * np.array(CONFIG.examination), rtol=1e-6)


def test_bots_click_at_their_own_rate_in_any_slot():
    clicks = BEHAVIOUR.click_probability(np.full(3, 0.1), np.arange(3), np.ones(3, bool))
    np.testing.assert_allclose(clicks, CONFIG.spam_click_rate)


def test_examination_continues_by_its_last_ratio():
    curve = examination(AdClickConfig(slots=4, examination=(1.0, 0.5)))
    np.testing.assert_allclose(curve, [1.0, 0.5, 0.25, 0.125])


def test_taste_of_the_hour_matters():
    morning, evening = (replace(BLOCK, hour=np.full_like(BLOCK.hour, hour)) for hour in (8, 20))
    assert np.abs(np.log(odds(0, morning) / odds(0, evening))).mean() > 0.2


def test_tastes_turn_slowly():
    day, next_day, fortnight = (
        BEHAVIOUR.taste_of_day(day).copy().reshape(CONFIG.clusters, 4, -1) for day in (0, 1, 14)
    )
    correlation = lambda a, b: np.corrcoef(a.ravel(), b.ravel())[0, 1]
    assert correlation(day, next_day) > 0.99
    assert 0.7 < correlation(day, fortnight) < 0.97


def test_an_event_shifts_everybody_alike_and_only_on_its_days():
    config = replace(CONFIG, event_days=(3, 5), event_sd=0.7)
    population = make_population(config, seed=2)
    shape = (CONFIG.clusters, 4, -1)
    for day in range(2, 6):
        plain = BEHAVIOUR.taste_of_day(day).copy().reshape(shape)
        shift = Behaviour(population, config).taste_of_day(day).reshape(shape) - plain
        expected = population.tastes.event if 3 <= day < 5 else np.zeros(CONFIG.categories)
        np.testing.assert_allclose(shift, np.broadcast_to(expected, shift.shape), atol=1e-6)
    assert population.tastes.event.std() == pytest.approx(0.7, rel=0.5)


def test_before_an_event_the_history_is_that_of_the_plain_world_bit_for_bit():
    plain, eventful = (
        AdClickWorld(seed=2, size="small", config=config).history(2).impressions
        for config in (AdClickConfig(), AdClickConfig(event_days=(1, 2), event_sd=2.0))
    )
    first = plain["ts"] < 86_400
    pd.testing.assert_frame_equal(plain[first], eventful[eventful["ts"] < 86_400])
    assert plain["click"].sum() != eventful["click"].sum()


def test_user_and_category_interact():
    """Two ads of different categories must not rank alike for everyone: no additive model fits."""
    one, two = (np.flatnonzero(POPULATION.ads.category == category)[0] for category in (0, 1))
    shown = top_slots()
    seen = np.zeros(len(BLOCK.ts), np.uint8)
    first, second = (
        BEHAVIOUR.attraction(BLOCK, replace(shown, ad=np.full(len(seen), ad)), seen)
        for ad in (one, two)
    )
    assert 0.1 < (first > second).mean() < 0.9


def test_unappealing_ads_are_hidden_more_often():
    hidden = BEHAVIOUR.hide_probability(np.array([0.001, 0.2]), np.zeros(2, int))
    assert hidden[0] > 10 * hidden[1]


def test_conversion_delays_have_the_published_quantiles_and_end_with_the_window():
    delay = conversion_delay(1, "test", np.arange(100_000))
    within = [np.mean(delay <= hours * 3_600) for hours in (0.5, 25, 288, 672)]
    np.testing.assert_allclose(within, [0.50, 0.75, 0.90, 0.95], atol=0.02)
    assert delay[np.isfinite(delay)].max() <= ATTRIBUTION_WINDOW


def test_affinity_of_codes_has_low_rank():
    config = AdClickConfig.variant("feature_poor")
    tastes = make_population(config, seed=0).tastes
    affinity = tastes.interest @ tastes.topic.T
    assert np.linalg.matrix_rank(affinity) == config.interest_topic_rank
