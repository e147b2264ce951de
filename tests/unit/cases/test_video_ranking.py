"""The ranking stage: days in order, nothing seen twice, rungs tuned with the same effort."""

import numpy as np
import pytest

from mlsd import models
from mlsd.cases.video.ranking import OUTCOMES, RankingStage, ranking_stage
from mlsd.cases.video.ranking_rungs import (
    RANKER_RUNGS,
    RankerRung,
    head_of,
    offline_interval,
    slate_ndcg,
    tune,
)
from mlsd.runtime.times import DAY
from mlsd.worlds import VideoWorld


@pytest.fixture(scope="module")
def stage() -> RankingStage:
    return ranking_stage(VideoWorld(seed=5, size="small"))


def test_parts_are_days_and_sources_know_none_of_them(stage):
    day = stage.log.frame["ts"] // DAY
    counts = day.value_counts()
    for part, number in (("train", 11), ("validation", 12), ("test", 13)):
        assert len(stage.rows(part)) == counts[number]
    later = set(stage.logs.videos.query("ts > 11 * @DAY")["item_id"])
    for source in stage.features.sources.values():
        assert not later & set(source.item_ids_)


def test_a_refitted_stage_serves_what_sources_know_now_and_keeps_what_rankers_learn(stage):
    served = stage.refitted()
    assert served.table is stage.table
    last = stage.log.frame.query("watched == 1 and ts >= 13 * @DAY")["item_id"].unique()
    for name, source in served.features.sources.items():
        old = stage.features.sources[name]
        assert set(old.item_ids_) < set(source.item_ids_)
        assert np.isin(last, source.item_ids_).all()
    assert served.columns == stage.columns
    assert len(served.features.known_users) > len(stage.features.known_users)


def test_features_are_of_every_row_and_no_outcome_is_among_them(stage):
    names = [*stage.columns["categorical"], *stage.columns["numeric"]]
    assert not set(names) & {*OUTCOMES, "user_id", "item_id"}
    known = stage.table[[n for n in names if not n.startswith("score_")]]
    assert np.isfinite(known.to_numpy(float)).all()


def test_a_rung_keeps_the_setting_that_is_best_on_validation(stage):
    rung = next(each for each in RANKER_RUNGS if each.name == "logistic, watched")
    tuned = tune(rung, stage)
    assert rung.settings[int(np.argmax(tuned.validation))] == tuned.settings
    slates = slate_ndcg(stage, tuned.ranker, "watched", "validation")
    assert max(tuned.validation) == pytest.approx(slates["ndcg"].mean())
    assert offline_interval(stage, tuned.ranker, "watched").low > 0.55
    for outcome, weighted in (("watched", False), ("watch_seconds", True)):
        slates = slate_ndcg(stage, tuned.ranker, outcome, "test")
        assert len(slates) == stage.rows("test")["request_id"].nunique()
        assert (slates["weight"].nunique() > 1) == weighted


def test_every_rung_has_as_many_settings():
    assert {len(rung.settings) for rung in RANKER_RUNGS} == {4}
    assert len({rung.name for rung in RANKER_RUNGS}) == len(RANKER_RUNGS)


def test_a_head_is_the_same_network_asked_for_another_task(stage):
    rung = next(each for each in RANKER_RUNGS if each.name == "MMoE, watched")
    short = RankerRung(rung.name, rung.outcome, rung.judged_by, rung.build, rung.settings[:1])
    ranker = tune(short, stage).ranker
    rows = stage.rows("test").iloc[:50].assign(position=0)
    scorer = ranker.ranker.scorer.scorer
    assert isinstance(scorer, models.MMoE)
    np.testing.assert_array_equal(
        head_of(ranker, "like").score(rows), scorer.predict_proba(rows)[:, 2]
    )
