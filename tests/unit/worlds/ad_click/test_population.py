import numpy as np
import pytest

from mlsd.worlds import AdClickConfig
from mlsd.worlds.ad_click.population import make_population
from mlsd.worlds.ad_click.traffic import Traffic
from mlsd.worlds.kit.draws import HOUR_CURVE, zipf_shares

CONFIG = AdClickConfig().scaled("small")
POPULATION = make_population(CONFIG, seed=1)


def test_some_places_change_their_ad_every_night_at_the_rate_of_churn():
    live = POPULATION.ads.live
    changed = (live[1:] != live[:-1]).mean(axis=1)
    assert (changed > 0).all()
    assert changed.mean() == pytest.approx(CONFIG.churn, rel=0.2)


def test_an_ad_is_live_from_birth_to_death_in_its_own_place():
    ads = POPULATION.ads
    for day in (0, 7, 59):
        live = ads.live[day]
        assert (ads.place[live] == np.arange(CONFIG.live_ads)).all()
        assert (ads.birth_day[live] <= day).all()
        assert (ads.death_day[live] > day).all()


def test_a_successor_belongs_to_the_same_campaign():
    ads = POPULATION.ads
    assert (ads.campaign[ads.live[0]] == ads.campaign[ads.live[59]]).all()


def test_every_campaign_has_a_live_ad():
    assert len(np.unique(POPULATION.ads.campaign[POPULATION.ads.live[0]])) == CONFIG.campaigns


def test_zipf_shares_fall_by_the_exponent():
    shares = zipf_shares(100, 0.8)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] / shares[9] == pytest.approx(10**0.8)


def test_traffic_gives_distinct_live_candidates_in_time_order():
    traffic = Traffic(POPULATION, CONFIG, 1, luck="nature")
    (block,) = traffic.blocks(5)
    assert (np.diff(block.ts) >= 0).all()
    ordered = np.sort(block.ad, axis=1)
    assert (np.diff(ordered, axis=1) > 0).all()
    assert np.isin(block.ad, POPULATION.ads.live[5]).all()
    assert (POPULATION.users.signup_day[block.user] <= 5).all()


def test_requests_follow_the_curve_of_the_day():
    config = AdClickConfig().scaled("small")
    traffic = Traffic(POPULATION, config, 1, luck="nature")
    by_hour = traffic.volume.sum(axis=0)
    np.testing.assert_allclose(by_hour / by_hour.sum(), HOUR_CURVE / HOUR_CURVE.sum(), atol=0.003)


def test_hours_of_a_block_are_cut_where_they_begin():
    (block,) = Traffic(POPULATION, CONFIG, 1, luck="nature").blocks(0)
    for index, hour in enumerate(block.hours):
        rows = slice(block.hour_start[index], block.hour_start[index + 1])
        assert (block.hour[rows] == hour).all()
        assert (block.ts[rows] // 3_600 == hour).all()


def test_a_block_does_not_depend_on_the_blocks_before():
    fresh = next(iter(Traffic(POPULATION, CONFIG, 1, luck="nature").blocks(3)))
    traffic = Traffic(POPULATION, CONFIG, 1, luck="nature")
    list(traffic.blocks(2))
    again = next(iter(traffic.blocks(3)))
    np.testing.assert_array_equal(fresh.click_uniform, again.click_uniform)
    np.testing.assert_array_equal(fresh.ad, again.ad)
