"""Counters see what was known, in batch and in the streaming twin alike."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.data.log import ColumnRoles, LabelledLog, Split
from mlsd.features import CounterFeatures
from mlsd.features.counter_rates import estimate_priors, log_odds
from mlsd.runtime import InputError
from mlsd.runtime.times import DAY

ENTITIES = (("ad_id",), ("user_id",), ("user_id", "category"), ("user_id", "ad_id"))
VIEWS = (("user_id", "ad_id"),)


def make_log(rows=400, days=4, seed=0, delay=600, **changes):
    rng = np.random.default_rng(seed)
    ts = np.sort(rng.integers(0, days * DAY // 60, rows) * 60.0)
    ad = rng.integers(0, 12, rows)
    frame = pd.DataFrame(
        {
            "user_id": rng.integers(0, 9, rows),
            "ad_id": ad,
            "category": np.array(["sport", "news", "food"], dtype=object)[ad % 3],
            "ts": ts,
            "known_at": ts + rng.integers(0, 2 * delay // 60 + 1, rows) * 60.0,
            "click": (rng.random(rows) < 0.1 + 0.5 * (ad % 3 == 0)).astype(np.int8),
        }
    ).assign(**changes)
    roles = ColumnRoles(
        "click",
        time="ts",
        known_at="known_at",
        user="user_id",
        item="ad_id",
        categorical=("category",),
    )
    return LabelledLog("log", frame, roles, thirds(rows))


def thirds(rows):
    first, second = int(0.7 * rows), int(0.85 * rows)
    return Split(*np.split(np.arange(rows), [first, second]))


def spelled_out(log, entity, half_life, refresh):
    """Impressions and clicks of one entity as of each row, rule by rule."""
    frame, train = log.frame, set(log.split.train.tolist())
    keys = list(zip(*(frame[name] for name in entity)))
    end = frame["ts"].iloc[log.split.train].max()
    sums = np.zeros((len(frame), 2))
    for row, (key, now) in enumerate(zip(keys, frame["ts"])):
        if row in train and refresh == "nightly":
            now = now // DAY * DAY
        as_of = now if row in train else end
        for other in train:
            known = frame["known_at"][other]
            if keys[other] == key and (known < as_of or (known == as_of and row not in train)):
                weight = 2 ** (-(as_of - known) / half_life)
                sums[row] += weight * np.array([1, frame["click"][other]])
    return sums


@pytest.mark.parametrize("refresh", ["row", "nightly"])
def test_counters_follow_their_rules(refresh):
    log = make_log(250)
    counters = CounterFeatures([("ad_id",)], half_lives=(DAY,), refresh=refresh)
    table, priors = counters.compute(log), counters.priors(log)
    impressions, clicks = spelled_out(log, ("ad_id",), DAY, refresh).T
    strength = priors.strengths[("ad_id",)]
    rate = (clicks + strength * priors.base_rate) / (impressions + strength)
    np.testing.assert_allclose(table["ad_id_impressions_1d"], np.log1p(impressions), rtol=1e-5)
    np.testing.assert_allclose(table["ad_id_log_odds_1d"], log_odds(rate), rtol=1e-5)


def test_a_pair_is_shrunk_to_what_its_parts_say():
    log = make_log()
    pair = ("user_id", "category")
    counters = CounterFeatures([("user_id",), ("category",), pair], half_lives=(np.inf,))
    table, priors = counters.compute(log), counters.priors(log)
    impressions, clicks = spelled_out(log, pair, np.inf, "nightly").T
    parts = table["user_id_log_odds_ever"] + table["category_log_odds_ever"]
    prior = 1 / (1 + np.exp(-(parts - priors.base_log_odds)))
    strength = priors.strengths[pair]
    rate = (clicks + strength * prior) / (impressions + strength)
    np.testing.assert_allclose(table["user_id_category_log_odds_ever"], log_odds(rate), rtol=1e-4)


@pytest.mark.parametrize("refresh", ["row", "nightly"])
def test_no_label_of_validation_or_test_enters_anything(refresh):
    log = make_log()
    later = np.concatenate([log.split.validation, log.split.test])
    flipped = log.frame["click"].to_numpy().copy()
    flipped[later] = 1 - flipped[later]
    counters = CounterFeatures(ENTITIES, refresh=refresh, views=VIEWS)
    pd.testing.assert_frame_equal(counters.compute(log), counters.compute(make_log(click=flipped)))


def counted_clicks(counters, log):
    """Decayed clicks of each row's ad, worked back from the shrunk rate."""
    table, priors = counters.compute(log), counters.priors(log)
    rate = 1 / (1 + np.exp(-table["ad_id_log_odds_1d"].to_numpy(float)))
    strength = priors.strengths[("ad_id",)]
    impressions = np.expm1(table["ad_id_impressions_1d"].to_numpy(float))
    return rate * (impressions + strength) - strength * priors.base_rate


def test_a_training_label_reaches_no_row_before_it_is_known():
    log, row = make_log(), 150
    flipped = log.frame["click"].to_numpy().copy()
    flipped[row] = 1 - flipped[row]
    counters = CounterFeatures([("ad_id",)], half_lives=(DAY,), refresh="row")
    changed = ~np.isclose(
        counted_clicks(counters, log), counted_clicks(counters, make_log(click=flipped)), atol=1e-3
    )
    later = (log.frame["ts"] > log.frame["known_at"][row]).to_numpy()
    same_ad = (log.frame["ad_id"] == log.frame["ad_id"][row]).to_numpy()
    assert (changed == (later & same_ad)).all()
    assert changed.sum() > 10


def test_validation_and_test_rows_see_one_state():
    log = make_log()
    table = CounterFeatures([("ad_id",)], half_lives=(DAY,)).compute(log)
    frozen = np.concatenate([log.split.validation, log.split.test])
    states = table.iloc[frozen].groupby(log.frame["ad_id"].iloc[frozen]).nunique()
    assert (states == 1).all().all()


def test_views_are_fresh_everywhere_and_use_no_label():
    log = make_log()
    counters = CounterFeatures([], half_lives=(np.inf,), views=VIEWS)
    seen = np.expm1(counters.compute(log)["user_id_ad_id_views_ever"]).round().to_numpy()
    frame = log.frame
    for row in (0, 100, 399):
        same = (frame["user_id"] == frame["user_id"][row]) & (frame["ad_id"] == frame["ad_id"][row])
        assert seen[row] == (same & (frame["known_at"] < frame["ts"][row])).sum()


def test_without_times_rows_see_the_rows_before_them_and_test_rows_all_of_training():
    frame = pd.DataFrame({"site": ["a", "a", "b", "a", "a", "b"], "click": [1, 0, 1, 1, 1, 0]})
    split = Split(np.array([0, 1, 3]), np.array([2]), np.array([4, 5]))
    log = LabelledLog("shuffled", frame, ColumnRoles("click", categorical=("site",)), split)
    table = CounterFeatures.for_log(log).compute(log)
    assert np.expm1(table["site_impressions_ever"]).round(5).tolist() == [0, 1, 0, 2, 3, 0]


def test_without_times_decay_is_refused():
    log = LabelledLog(
        "shuffled", make_log().frame, ColumnRoles("click", categorical=("ad_id",)), thirds(400)
    )
    with pytest.raises(InputError, match=r"shuffled has no times; use half_lives=\(inf,\)"):
        CounterFeatures([("ad_id",)]).compute(log)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"refresh": "hourly"}, "choose 'row' or 'nightly'"), ({"half_lives": (0,)}, "above 0")],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        CounterFeatures([("ad_id",)], **options)


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="column 'shop' is missing"):
        CounterFeatures([("shop",)]).compute(make_log())


def test_columns_come_as_named():
    log = make_log()
    counters = CounterFeatures(ENTITIES, views=VIEWS)
    table = counters.compute(log)
    assert tuple(table.columns) == counters.names
    assert set(map(str, table.dtypes)) == {"float32"}
    assert np.isfinite(table.to_numpy()).all()


def test_for_log_takes_entities_from_the_roles_and_half_lives_from_the_span():
    log = make_log(days=14)
    named = LabelledLog(
        "log", log.frame, ColumnRoles("click", time="ts", entities=(("ad_id",),)), log.split
    )
    counters = CounterFeatures.for_log(named)
    assert counters.entities == (("ad_id",),)
    assert counters.half_lives == (DAY, 7 * DAY)
    assert (counters.refresh, counters.views) == ("nightly", ())
    derived = CounterFeatures.for_log(log)
    assert derived.entities[:3] == (("ad_id",), ("user_id",), ("category",))
    assert ("user_id", "category") in derived.entities
    # An item has one category, so the pair is the item over again.
    assert ("ad_id", "category") not in derived.entities
    assert derived.views == VIEWS


def test_strengths_recover_what_made_the_clicks():
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(3_000), 100)
    rate = rng.beta(0.05 * 60, 0.95 * 60, 3_000)
    label = (rng.random(len(codes)) < rate[codes]).astype(float)
    priors = estimate_priors(lambda entity: codes, label, (("ad_id",),))
    assert priors.strengths[("ad_id",)] == pytest.approx(60, rel=0.15)
    assert priors.base_rate == pytest.approx(0.05, rel=0.05)


def test_strengths_are_at_their_limit_where_entities_do_not_differ():
    rng = np.random.default_rng(4)
    codes = np.repeat(np.arange(500), 20)
    label = (rng.random(len(codes)) < 0.1).astype(float)
    strength = estimate_priors(lambda entity: codes, label, (("ad_id",),)).strengths[("ad_id",)]
    assert strength > 300


def test_a_rate_that_was_planted_is_found():
    log = make_log(4_000, days=8)
    table = CounterFeatures.for_log(log).compute(log).iloc[log.split.test]
    planted = (log.frame["ad_id"].iloc[log.split.test] % 3 == 0).to_numpy()
    rate = table["ad_id_log_odds_4d"].to_numpy()
    assert rate[planted].min() > rate[~planted].max()


@pytest.mark.parametrize("refresh", ["row", "nightly"])
@pytest.mark.parametrize("half_lives", [(DAY, 7 * DAY), (np.inf,), (300.0,)])
@pytest.mark.parametrize("chunk", [1_000, 37])
def test_the_twin_replays_what_the_batch_computed(refresh, half_lives, chunk):
    log = make_log()
    everything = LabelledLog(
        "log", log.frame, log.roles, Split(np.arange(400), np.zeros(0, int), np.zeros(0, int))
    )
    counters = CounterFeatures(ENTITIES, half_lives=half_lives, refresh=refresh, views=VIEWS)
    expected = counters.compute(everything)
    twin = counters.serving(everything, warm=False)
    for start in range(0, 400, chunk):
        rows = log.frame.iloc[start : start + chunk]
        twin.update(rows)
        found = twin.lookup(rows, rows["ts"].to_numpy())
        assert tuple(found) == counters.names
        for name, values in found.items():
            np.testing.assert_allclose(
                values,
                expected[name].iloc[start : start + chunk],
                rtol=1e-5,
                atol=1e-6,
                err_msg=name,
            )


def test_a_warm_twin_goes_on_where_the_log_ends():
    log = make_log()
    counters = CounterFeatures(ENTITIES, refresh="row", views=VIEWS)
    warm, cold = counters.serving(log), counters.serving(log, warm=False)
    cold.update(log.frame.iloc[:200])
    cold.update(log.frame.iloc[200:])
    later = log.frame["known_at"].max() + 60
    for name, values in warm.lookup(log.frame, later).items():
        np.testing.assert_allclose(cold.lookup(log.frame, later)[name], values, rtol=1e-6)


def test_the_twin_knows_nothing_of_strangers():
    log = make_log()
    counters = CounterFeatures(ENTITIES, half_lives=(DAY,), refresh="row", views=VIEWS)
    twin = counters.serving(log)
    stranger = {"user_id": [99], "ad_id": [99], "category": ["opera"]}
    found = twin.lookup({n: np.array(v, dtype=object) for n, v in stranger.items()}, 5.0 * DAY)
    assert all(found[name] == 0 for name in counters.names if "log_odds" not in name)
    base = counters.priors(log).base_log_odds
    assert all(found[n] == pytest.approx(base) for n in counters.names if "log_odds" in n)


def test_a_twin_without_times_counts_rows():
    frame = pd.DataFrame({"site": ["a", "a", "b"], "click": [1, 0, 1]})
    split = Split(np.arange(3), np.zeros(0, int), np.zeros(0, int))
    log = LabelledLog("rows", frame, ColumnRoles("click", categorical=("site",)), split)
    twin = CounterFeatures.for_log(log).serving(log)
    found = twin.lookup({"site": np.array(["a", "b", "c"], dtype=object)})
    assert np.expm1(found["site_impressions_ever"]).round(5).tolist() == [2, 1, 0]


def test_the_twin_refuses_to_look_back():
    log = make_log()
    twin = CounterFeatures(ENTITIES, refresh="row").serving(log)
    twin.lookup(log.frame, 10.0 * DAY)
    with pytest.raises(InputError, match="look up in the order of time"):
        twin.lookup(log.frame, 1.0 * DAY)


def test_the_twin_forgets_nothing_over_many_half_lives():
    log = make_log(days=60)
    counters = CounterFeatures([("ad_id",)], half_lives=(600.0, 7 * DAY), refresh="row")
    twin = counters.serving(log, warm=False)
    for start in range(0, 400, 50):
        twin.update(log.frame.iloc[start : start + 50])
        twin.lookup(log.frame, log.frame["ts"].iloc[start + 49])
    now = log.frame["known_at"].max() + 60
    at_once = counters.serving(log).lookup(log.frame, now)
    for name, values in twin.lookup(log.frame, now).items():
        np.testing.assert_allclose(values, at_once[name], rtol=1e-5)


def test_a_log_of_an_hour_gets_one_half_life():
    log = make_log(days=4)
    frame = log.frame.assign(ts=log.frame["ts"] / 96, known_at=log.frame["known_at"] / 96)
    counters = CounterFeatures.for_log(LabelledLog("hour", frame, log.roles, log.split))
    assert counters.half_lives == (3_600.0,)
    assert len(set(counters.names)) == len(counters.names) == counters.compute(log).shape[1]


def colliding_log():
    """Two keys with one stem, and columns that are called as their counters would be."""
    log = make_log(days=14)
    rng = np.random.default_rng(1)
    own = {"ad_id_impressions_1d": rng.random(400), "ad_id_2_log_odds_7d": rng.random(400)}
    frame = log.frame.assign(ad=rng.integers(0, 3, 400), id=rng.integers(0, 4, 400), **own)
    entities = (("ad", "id"), ("ad_id",), ("ad_id", "category"))
    roles = replace(log.roles, numeric=tuple(own), entities=entities)
    return LabelledLog("log", frame, roles, log.split)


def test_no_column_is_called_as_one_of_the_log_or_of_another_entity():
    log = colliding_log()
    counters = CounterFeatures.for_log(log)
    names = counters.names
    assert len(set(names)) == len(names) == 2 * 2 * 3 + 2
    assert not set(names) & set(log.frame.columns)
    # What does not collide keeps its plain name.
    assert counters.rate_names(("ad_id", "category"))[0] == "ad_id_category_impressions_1d"
    assert counters.rate_names(("ad", "id"))[0] == "ad_id_3_impressions_1d"
    assert counters.rate_names(("ad_id",))[0] == "ad_id_4_impressions_1d"


def test_columns_that_had_to_be_renamed_hold_what_they_hold_alone():
    log = colliding_log()
    counters = CounterFeatures.for_log(log)
    table = counters.compute(log)
    for entity in counters.entities[:2]:
        options = {"half_lives": counters.half_lives, "refresh": counters.refresh}
        alone = CounterFeatures([entity], **options)
        np.testing.assert_array_equal(table[counters.rate_names(entity)], alone.compute(log))


def test_the_twin_gives_renamed_columns_as_the_batch_does():
    log = colliding_log()
    counters = CounterFeatures.for_log(log, refresh="row")
    table, twin = counters.compute(log), counters.serving(log, warm=False)
    train = log.frame.iloc[log.split.train]
    twin.update(train)
    end = np.nextafter(train["ts"].max(), np.inf)
    found = twin.lookup(log.frame, end)
    assert tuple(found) == counters.names == tuple(table.columns)
    for entity in counters.entities:
        for name in counters.rate_names(entity):
            batch = table[name].to_numpy()[log.split.test]
            np.testing.assert_allclose(found[name][log.split.test], batch, rtol=1e-5, err_msg=name)


def test_views_do_not_meet_a_column_of_the_log():
    log = make_log(user_id_ad_id_views_2d=np.ones(400))
    (name,) = CounterFeatures([], half_lives=(2 * DAY,), views=VIEWS, taken=log.frame).names
    assert name == "user_id_ad_id_2_views_2d"


def test_half_lives_with_one_name_are_refused():
    with pytest.raises(InputError, match="give different ones"):
        CounterFeatures([("ad_id",)], half_lives=(100_000.1, 100_000.2))


def weighted_log(repeat):
    """Rows with a weight of 1 to 3; or each row so many times, without a weight."""
    log = make_log(240)
    weight = np.random.default_rng(2).integers(1, 4, 240)
    if not repeat:
        roles = replace(log.roles, weight="weight")
        return LabelledLog("log", log.frame.assign(weight=weight), roles, log.split), weight
    rows = np.repeat(np.arange(240), weight)
    parts = {name: np.flatnonzero(np.isin(rows, kept)) for name, kept in log.parts().items()}
    frame = log.frame.iloc[rows].reset_index(drop=True)
    return LabelledLog("log", frame, log.roles, Split(**parts)), weight


@pytest.mark.parametrize("refresh", ["row", "nightly"])
def test_a_row_counts_as_the_impressions_that_it_stands_for(refresh):
    (weighted, weight), (repeated, _) = weighted_log(repeat=False), weighted_log(repeat=True)
    counters = CounterFeatures(ENTITIES, refresh=refresh, views=VIEWS)
    priors = counters.priors(weighted), counters.priors(repeated)
    assert priors[0].base_rate == pytest.approx(priors[1].base_rate)
    assert priors[0].strengths == pytest.approx(priors[1].strengths)
    first = np.cumsum(weight) - weight
    expected = counters.compute(repeated).iloc[first]
    np.testing.assert_allclose(counters.compute(weighted), expected, rtol=1e-5, atol=1e-6)


def test_the_twin_counts_weights_as_the_batch_does():
    (weighted, _), (repeated, _) = weighted_log(repeat=False), weighted_log(repeat=True)
    counters = CounterFeatures(ENTITIES, refresh="row", views=VIEWS)
    end = weighted.frame["known_at"].max() + 60
    found, expected = (
        counters.serving(log).lookup(weighted.frame, end) for log in (weighted, repeated)
    )
    for name in counters.names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6, err_msg=name)
    with pytest.raises(InputError, match="column 'weight' is missing"):
        counters.serving(weighted).update(weighted.frame.drop(columns="weight"))


def test_rates_of_a_thinned_log_are_those_of_the_whole_one():
    rng = np.random.default_rng(6)
    rows, rate = 60_000, np.array([0.02, 0.05, 0.1])
    ad = rng.integers(0, 3, rows)
    click = (rng.random(rows) < rate[ad]).astype(np.int8)
    frame = pd.DataFrame({"ad_id": ad, "ts": np.arange(rows) * 5.0, "click": click})
    frame["weight"] = np.where(click == 1, 1.0, 10.0)
    thinned = frame[(click == 1) | (rng.random(rows) < 0.1)].reset_index(drop=True)
    roles = ColumnRoles("click", time="ts", item="ad_id", weight="weight")
    log = LabelledLog("thinned", thinned, roles, thirds(len(thinned)))
    counters = CounterFeatures([("ad_id",)], half_lives=(np.inf,))
    table = counters.compute(log).iloc[log.split.test]
    found = 1 / (1 + np.exp(-table["ad_id_log_odds_ever"].groupby(thinned["ad_id"]).last()))
    np.testing.assert_allclose(found, rate, rtol=0.1)
    assert counters.priors(log).base_rate == pytest.approx(click.mean(), rel=0.05)


def test_an_entity_whose_rows_weigh_nothing_is_no_reason_to_fail():
    log = make_log(weight=np.where(np.arange(400) % 12 == 0, 0.0, 2.0))
    ad = np.where(np.arange(400) % 12 == 0, 99, log.frame["ad_id"])
    roles = replace(log.roles, weight="weight")
    log = LabelledLog("log", log.frame.assign(ad_id=ad), roles, log.split)
    table = CounterFeatures([("ad_id",)]).compute(log)
    assert np.isfinite(table).all(axis=None)
    assert (table["ad_id_impressions_1d"][ad == 99] == 0).all()
