"""The video case on logs: which rungs climb what, and how its ledger is shown."""

import numpy as np
import pandas as pd
import pytest

from mlsd.cases import find_case
from mlsd.cases.video.rungs import SETTINGS_PER_RUNG
from mlsd.data import ColumnRoles, LabelledLog, ListRules, Split
from mlsd.experiments import run_ladder, summarise_ladder
from mlsd.experiments.display import at_rank
from mlsd.experiments.ledger import ledger_table
from mlsd.experiments.rungs import RungInputs
from mlsd.experiments.sources import LogSource
from mlsd.metrics import grouped_auc
from mlsd.models import PopularityRecommender

CASE = find_case("video")
CASE_RUNGS = {rung.name: rung for rung in CASE.ladder.rungs}
DAY = 86_400


@pytest.fixture
def log():
    """Films come and go: one that was chosen a lot long ago is not chosen any more."""
    generator = np.random.default_rng(2)
    day = np.repeat(np.arange(60), 60)
    film = day // 2 + generator.geometric(0.3, day.size)
    user = generator.integers(200, size=day.size)
    frame = pd.DataFrame({"user": user, "film": film, "ts": day * DAY})
    frame = frame.drop_duplicates(["user", "film"], ignore_index=True)
    cuts = np.split(np.arange(len(frame)), [int(len(frame) * 0.8), int(len(frame) * 0.9)])
    roles = ColumnRoles(None, time="ts", user="user", item="film")
    return LabelledLog("films", frame, roles, Split(*cuts), lists=ListRules(5, True))


def test_trends_are_found_by_the_rung_that_forgets(log):
    names = ("popularity", "decayed_popularity")
    summary = summarise_ladder(run_ladder(LogSource(log), CASE.ladder, seeds=(0,), rungs=names))
    popular, decayed = (row.metrics["ndcg@5"] for row in summary.rungs[:2])
    assert decayed > 2 * popular
    assert summary.rungs[1].settings["half_life"] == DAY
    ledger = ledger_table(summary)
    for column in at_rank(CASE.printed, ledger):
        absent = "cold" in column.key or column.key.startswith("online")
        assert absent or column.key in ledger, column.title


def test_without_a_time_nothing_can_fade(log):
    roles = ColumnRoles(None, user="user", item="film")
    rung = CASE_RUNGS["decayed_popularity"]
    assert rung.settings(roles) == ()
    assert len(rung.settings(log.roles)) == SETTINGS_PER_RUNG


def test_columns_show_the_length_of_the_lists_that_were_judged():
    titles = [column.title for column in at_rank(CASE.printed, ["rung", "recall@7", "ndcg@7"])]
    assert titles[:2] == ["Recall@7 [95 %]", "NDCG@7 [95 %]"]
    assert not any("@k" in column.key + column.title for column in CASE.listed)
    unknown = at_rank(CASE.printed, ["rung"])
    assert [column.key for column in unknown] == [column.key for column in CASE.printed]


def test_no_rung_is_tuned_more_than_another(log):
    tried = {rung.name: len(rung.settings(log.roles)) for rung in CASE.ladder.rungs}
    nothing_to_tune = {"popularity", "oracle"}
    assert {tried.pop(name) for name in nothing_to_tune} == {1}
    assert set(tried.values()) == {SETTINGS_PER_RUNG}


def test_the_blend_with_users_is_the_blend_and_one_member_more(log):
    inputs = RungInputs(log.roles, (), 0)
    for settings in CASE_RUNGS["blend"].settings(log.roles):
        without, with_users = (
            CASE_RUNGS[name].build(inputs, settings).members
            for name in ("blend", "blend_with_users")
        )
        assert [*without, "user_kernel"] == list(with_users)
        assert all(vars(without[name]) == vars(with_users[name]) for name in without)


def test_the_oracle_knows_best_among_what_was_shown():
    replicate = CASE.source(size="small", history_days=6).simulate(1)
    log = replicate.log
    shown = log.frame.iloc[log.split.test]
    prepared = CASE.ladder.protocol.prepare(replicate)
    popular = PopularityRecommender().fit(prepared.interactions["train"])
    users, videos = (shown[name].to_numpy() for name in (log.roles.user, log.roles.item))
    within_users = [
        grouped_auc(shown[log.roles.label], model.score(users, videos), users)
        for model in (replicate.truth, popular)
    ]
    assert within_users[0] > within_users[1] + 0.05
