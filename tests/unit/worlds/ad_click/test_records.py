"""From what happened to the logged tables, where every impression is clicked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.worlds import AdClickConfig
from mlsd.worlds.ad_click.behaviour import ATTRIBUTION_WINDOW, Behaviour, Shown
from mlsd.worlds.ad_click.population import make_population
from mlsd.worlds.ad_click.records import CLICK_WINDOW, Recorder, TickRecord
from mlsd.worlds.ad_click.setup import Setup
from mlsd.worlds.ad_click.traffic import Traffic

CONFIG = AdClickConfig().scaled("small")
POPULATION = make_population(CONFIG, seed=2)
SETUP = Setup(CONFIG, POPULATION, 2)
DAY = 3
BLOCK = next(iter(Traffic(POPULATION, CONFIG, 2, luck="nature").blocks(DAY)))
ROWS = len(BLOCK.ts)
KEYS = ["request_id", "ad_id"]


def tables_of(positions, block=BLOCK, setup=SETUP):
    """Tables of a block whose first two candidates are shown at `positions`, and clicked."""
    row, column = np.repeat(np.arange(ROWS), 2), np.tile([0, 1], ROWS)
    position = np.tile(np.array(positions, np.int8), ROWS)
    shown, ones = Shown(row, column, position, block.ad[row, column]), np.ones(2 * ROWS)
    each = dict.fromkeys(("predicted", "bid", "price", "propensity", "due", "attraction"), ones)
    yes, wide = ones.astype(bool), np.ones(block.ad.shape)
    tick = TickRecord(
        shown=shown,
        **each,
        explored=yes,
        clicked=yes,
        hidden=yes,
        candidate_prediction=wide,
        candidate_bid=wide,
    )
    recorder = Recorder(setup, Behaviour(POPULATION, CONFIG))
    return recorder.tables(block, tick, slice(0, ROWS))


def conversions_of(tables):
    frame = pd.DataFrame(tables["conversions"])
    return frame.assign(
        request_id=frame["impression_id"] // CONFIG.slots,
        delay=frame["known_at"] - frame["click_ts"],
    ).sort_values(KEYS, ignore_index=True)


def test_a_click_converts_alike_in_whatever_slot_its_ad_stood():
    names = [*KEYS, "value", "delay"]
    one, other = (conversions_of(tables_of(order))[names] for order in ([0, 1], [1, 0]))
    assert len(one) > 50
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_an_a_b_test_has_conversions_of_its_own():
    own = conversions_of(tables_of([0, 1], setup=SETUP.of_test("user")))
    both = own.merge(conversions_of(tables_of([0, 1])), on=KEYS)
    assert len(both) < 0.5 * len(own)


def test_conversions_become_known_as_late_as_they_come():
    conversions = conversions_of(tables_of([0, 1]))
    np.testing.assert_array_equal(conversions["ts"], conversions["known_at"])
    assert 60 < conversions["delay"].median() < 6 * 3_600
    assert conversions["delay"].max() <= ATTRIBUTION_WINDOW
    assert conversions["delay"].max() > 86_400


def test_robots_do_not_convert():
    robots = replace(BLOCK, is_spam=np.arange(ROWS) % 2 == 0)
    buyers = conversions_of(tables_of([0, 1], robots))["request_id"].to_numpy()
    assert len(buyers) > 20
    assert not np.isin(buyers, BLOCK.request_id[robots.is_spam]).any()


def test_an_impression_is_known_when_no_click_on_it_can_come_any_more():
    tables = tables_of([0, 1])
    impressions, clicks = tables["impressions"], tables["clicks"]
    np.testing.assert_allclose(impressions["known_at"] - impressions["ts"], CLICK_WINDOW)
    np.testing.assert_array_equal(clicks["impression_id"], impressions["impression_id"])
    assert (clicks["known_at"] <= impressions["known_at"]).all()
    delay = clicks["ts"] - impressions["ts"]
    assert delay.min() > 0
    assert delay.mean() == pytest.approx(8, rel=0.1)


def test_ages_are_days_since_the_beginning():
    impressions = tables_of([0, 1])["impressions"]
    born = POPULATION.ads.birth_day[impressions["ad_id"]]
    np.testing.assert_array_equal(impressions["ad_age_days"], DAY - born)
    joined = POPULATION.users.signup_day[impressions["user_id"]]
    np.testing.assert_array_equal(impressions["account_age_days"], DAY - joined)
