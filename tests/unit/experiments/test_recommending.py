"""What lists are drawn from, what they may know, and what is measured of them, by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.data import ColumnRoles, LabelledLog, ListRules, Split
from mlsd.experiments import (
    Ladder,
    RecommendingProtocol,
    Replicate,
    Rung,
    evidence,
    run_ladder,
    summarise_ladder,
)
from mlsd.experiments.list_truth import user_and_item_ages
from mlsd.experiments.protocols.recommending import _without
from mlsd.experiments.sources import LogSource
from mlsd.models import PopularityRecommender
from mlsd.runtime import InputError

# User, item, time, part. Item 1 is the most chosen, then 2, 3, 4; item 5 is never trained on.
ROWS = [
    ("a", 1, 0, "train"), ("b", 1, 10, "train"), ("c", 1, 20, "train"), ("c", 2, 21, "train"),
    ("b", 2, 30, "train"), ("c", 3, 31, "train"), ("b", 4, 40, "train"),
    ("a", 2, 50, "validation"), ("b", 3, 51, "validation"), ("c", 4, 51, "validation"),
    ("a", 3, 60, "test"), ("b", 5, 62, "test"), ("d", 1, 63, "test"), ("d", 4, 64, "test"),
]  # fmt: skip


@pytest.fixture
def log():
    frame = pd.DataFrame(ROWS, columns=["user", "item", "when", "part"])
    parts = [np.flatnonzero(frame["part"] == part) for part in ("train", "validation", "test")]
    roles = ColumnRoles(None, time="when", user="user", item="item")
    return LabelledLog("films", frame.drop(columns="part"), roles, Split(*parts, "by hand"))


@pytest.fixture
def few_are_enough(monkeypatch):
    """What is computed by hand has few users."""
    monkeypatch.setattr(evidence, "FEWEST_UNITS", 1)


class Remembering(PopularityRecommender):
    """Popularity that writes down what it is asked with."""

    asked: list = []

    def recommend(self, user_ids, k, **options):
        self.asked.append((list(user_ids), k, options))
        return super().recommend(user_ids, k, **options)


def make_rung(model=PopularityRecommender, features="ids"):
    return Rung("popularity", "P", features, lambda inputs, settings: model(), lambda roles: ({},))


def lists(protocol, log, rung=None):
    prepared = protocol.prepare(Replicate(0, log))
    run = protocol.predict(protocol.fit(rung or make_rung(), prepared, {}), prepared)
    items = run.predictions["items"]
    named = np.where(items >= 0, prepared.corpus.to_numpy()[items], 0)
    return dict(zip(prepared.users["test"].tolist(), named.tolist(), strict=True))


def test_validation_items_stay_in_test_lists_or_leave_them(log):
    # Items 3 and 4 were chosen once each: the tie goes to the one that sorts first.
    assert lists(RecommendingProtocol(k=2), log) == {"a": [2, 3], "b": [3, 0], "d": [1, 2]}
    excluding = RecommendingProtocol(k=2, exclude_validation=True)
    assert lists(excluding, log) == {"a": [3, 4], "b": [0, 0], "d": [1, 2]}


def test_what_was_validated_is_not_tested_again(log):
    frame = pd.concat([log.frame, pd.DataFrame([("a", 2, 70)], columns=list(log.frame))])
    split = replace(log.split, test=np.r_[log.split.test, len(frame) - 1])
    again = replace(log, frame=frame.reset_index(drop=True), split=split)
    for exclude, expected in ((False, [3, 2]), (True, [3])):
        protocol = RecommendingProtocol(k=2, exclude_validation=exclude)
        prepared = protocol.prepare(Replicate(0, again))
        assert prepared.corpus[prepared.relevant["test"][0]].tolist() == expected


def test_a_log_says_how_long_its_lists_are_and_what_they_leave_out(log):
    ladder = Ladder((make_rung(),), RecommendingProtocol(k=20))
    own = replace(log, lists=ListRules(k=3, exclude_validation=True))
    found = run_ladder(LogSource(own), ladder, seeds=(0,))
    assert (found.protocol.k, found.protocol.exclude_validation) == (3, True)
    assert found.protocol.exclude_seen
    assert found.replicates[0].runs["popularity"].predictions["items"].shape == (3, 3)
    assert run_ladder(LogSource(log), ladder, seeds=(0,)).protocol.k == 20


def test_metrics_of_a_ladder_by_hand(log, few_are_enough):
    ladder = Ladder((make_rung(),), RecommendingProtocol(k=2))
    row = summarise_ladder(run_ladder(LogSource(log), ladder, seeds=(0,))).rungs[0]
    # Lists (2, 3), (3, -) and (1, 2) for a who chose 3, b who chose 5, d who chose 1 and 4.
    second = 1 / np.log2(3)
    expected = {
        "recall@2": (1 + 0 + 1 / 2) / 3,
        "ndcg@2": (second + 0 + 1 / (1 + second)) / 3,
        # Three of the five items of the log.
        "coverage@2": 3 / 5,
        # Of three users, 3 chose item 1, 2 chose item 2, and one each chose items 3 and 4.
        "novelty@2": -np.mean(
            [np.log2(3 / 4 * 2 / 4) / 2, np.log2(2 / 4), np.log2(4 / 4 * 3 / 4) / 2]
        ),
        # Nothing is known of d. At their tests a is known for 60 and b for 52.
        "ndcg@2_cold_users": 1 / (1 + second),
        "ndcg@2_new_users": 0,
        "ndcg@2_old_users": second,
        # Item 5 is in no training. Item 3 is known for 29, item 1 for 63 and item 4 for 23.
        "recall@2_cold_items": 0,
        "recall@2_new_items": (1 + 0) / 2,
        "recall@2_old_items": 1,
    }
    assert {name: row.metrics[name] for name in expected} == pytest.approx(expected)
    assert set(row.metrics) == {*expected, "map@2", "mrr@2"}


def test_an_item_is_as_old_as_it_is_at_the_moment_of_the_list():
    train = pd.DataFrame({"user_id": [1, 2], "item_id": [7, 8], "ts": [0, 50]})
    test = pd.DataFrame({"user_id": [1, 2], "item_id": [8, 7], "ts": [60, 500]})
    parts, corpus = {"train": train, "test": test}, pd.Index([7, 8])
    relevant = [np.array([0]), np.array([1])]
    # Item 7 came first, but is 60 old for user 1; item 8 is 450 old for user 2.
    _, ages = user_and_item_ages(parts, "test", np.array([1, 2]), relevant, corpus)
    assert {age: which.tolist() for age, which in ages.items()} == {
        "new": [True, False],
        "old": [False, True],
    }


def test_long_lists_keep_their_order_when_they_close_up():
    items = np.random.default_rng(0).permutation(200)[None]
    gone = [items[0, ::7]]
    found = _without(items, gone)[0]
    expected = items[0][~np.isin(items[0], gone[0])]
    np.testing.assert_array_equal(found[: expected.size], expected)
    assert (found[expected.size :] == -1).all()


def test_coverage_has_no_interval_and_no_excuse(log):
    many = pd.concat(
        [log.frame.assign(user=log.frame["user"] + str(copy)) for copy in range(10)],
        ignore_index=True,
    )
    split = Split(*(np.concatenate([rows + 14 * copy for copy in range(10)])
                    for rows in log.parts().values()), "by hand")  # fmt: skip
    ladder = Ladder((make_rung(),), RecommendingProtocol(k=2))
    summary = summarise_ladder(
        run_ladder(LogSource(replace(log, frame=many, split=split)), ladder, seeds=(0,))
    )
    row = summary.rungs[0]
    assert np.isnan(row.intervals["coverage@2"]).all()
    low, high = row.intervals["recall@2"]
    assert low < row.metrics["recall@2"] < high
    assert summary.notes == ()


def test_without_a_time_only_cold_ones_have_a_slice(log, few_are_enough):
    plain = replace(log, roles=replace(log.roles, time=None))
    protocol = RecommendingProtocol(k=2)
    prepared = protocol.prepare(Replicate(0, plain))
    assert prepared.truth("test").slices == ("ndcg cold users", "recall cold items")
    assert prepared.histories("test") is None


def test_a_slice_of_few_users_is_not_shown(log):
    prepared = RecommendingProtocol(k=2).prepare(Replicate(0, log))
    assert prepared.truth("test").slices == ()


def test_histories_are_what_came_before_newest_last(log):
    protocol = RecommendingProtocol(k=2, exclude_validation=True)
    prepared = protocol.prepare(Replicate(0, log))
    assert prepared.histories("test", 3).tolist() == [[-1, 1, 2], [2, 4, 3], [-1, -1, -1]]
    assert prepared.histories("validation", 3).tolist() == [[-1, -1, 1], [1, 2, 4], [1, 2, 3]]
    not_known = RecommendingProtocol(k=2).prepare(Replicate(0, log))
    assert not_known.histories("test", 3).tolist() == [[-1, -1, 1], [1, 2, 4], [-1, -1, -1]]
    texts = replace(log, frame=log.frame.assign(item=log.frame["item"].astype(str)))
    found = protocol.prepare(Replicate(0, texts)).histories("test", 2)
    assert found.tolist() == [["1", "2"], ["4", "3"], [None, None]]


@pytest.mark.parametrize(("features", "given"), [("ids", False), ("histories", True)])
def test_only_rungs_that_read_histories_are_given_them(log, features, given):
    Remembering.asked = []
    protocol = RecommendingProtocol(k=2, exclude_validation=True)
    rung = make_rung(Remembering, features)
    assert lists(protocol, log, rung)["a"] == [3, 4]
    assert len(Remembering.asked) > 2
    for users, _, options in Remembering.asked:
        assert ("histories" in options) == given
        assert not given or len(options["histories"]) == len(users)
    plain = Replicate(0, replace(log, roles=replace(log.roles, time=None)))
    assert (protocol.reason_to_skip(rung, plain) is not None) == given


def test_weights_reach_a_recommender_under_the_name_that_it_reads(log):
    heavy = log.frame.assign(plays=2.0, weight="mine")
    roles = replace(log.roles, weight="plays")
    prepared = RecommendingProtocol(k=2).prepare(
        Replicate(0, replace(log, frame=heavy, roles=roles))
    )
    assert prepared.interactions["train"]["weight"].tolist() == [2.0] * 7


def test_blocks_of_users_change_nothing(log, monkeypatch):
    protocol = RecommendingProtocol(k=2, exclude_validation=True)
    whole = lists(protocol, log)
    monkeypatch.setattr("mlsd.experiments.protocols.recommending.BLOCK_USERS", 1)
    assert lists(protocol, log) == whole


class NewFirst(PopularityRecommender):
    """Knows of an item that nobody chose, and puts it first."""

    def recommend(self, user_ids, k, **options):
        items, scores = super().recommend(user_ids, k, **options)
        return np.c_[np.full(len(items), 9), items[:, :-1]], np.c_[scores[:, :1], scores[:, :-1]]


def test_items_that_nobody_chose_can_be_recommended_where_the_log_knows_them(log):
    protocol = RecommendingProtocol(k=2, exclude_validation=True)
    films = pd.DataFrame({"item_id": [1, 2, 9]})
    prepared = protocol.prepare(Replicate(0, log, tables={"items": films}))
    assert prepared.corpus.tolist() == [1, 2, 3, 4, 5, 9]
    run = protocol.predict(protocol.fit(make_rung(NewFirst), prepared, {}), prepared)
    # The first place is spent on it, and is no empty one that the next item could move up to.
    assert prepared.corpus[run.predictions["items"][:, 0]].tolist() == [9, 9, 9]
    assert prepared.truth("test").chosen_by.tolist() == [3, 2, 1, 1, 0, 0]
    unknown = protocol.prepare(Replicate(0, log))
    with pytest.raises(InputError, match="item 9 is recommended, which is neither in the log"):
        protocol.fit(make_rung(NewFirst), unknown, {})


def test_features_of_items_reach_a_recommender(log):
    films = pd.DataFrame({"item_id": [1, 2, 3, 4, 5], "year": 1990.0})
    (replicate,) = LogSource(replace(log, tables={"items": films})).replicates((0,))
    assert replicate.tables["items"] is films
    bare = next(LogSource(log).replicates((0,)))
    assert bare.digest != replicate.digest


def test_a_rung_that_reads_items_is_told_their_columns_and_left_out_without_them(log):
    told = []

    def build(inputs, settings):
        told.append(dict(inputs.item_columns))
        return PopularityRecommender()

    rung = replace(make_rung(), build=build, tables=("items",), needs="features of items")
    protocol = RecommendingProtocol(k=2)
    films = pd.DataFrame({"item_id": [1, 2], "year": [1990.0, 1991.0], "genre": ["a", "b"]})
    with_items, without = Replicate(0, log, tables={"items": films}), Replicate(0, log)
    assert protocol.reason_to_skip(rung, with_items) is None
    assert protocol.reason_to_skip(rung, without) == "the log lacks features of items"
    for replicate in (with_items, without):
        protocol.fit(rung, protocol.prepare(replicate), {})
    assert told == [
        {"item_categorical": ("genre",), "item_numeric": ("year",)},
        {"item_categorical": (), "item_numeric": ()},
    ]


class Counting(PopularityRecommender):
    """Popularity that writes down how many rows it was fitted on."""

    fitted: list = []

    def fit(self, interactions, **options):
        self.fitted.append(len(interactions))
        return super().fit(interactions, **options)


@pytest.mark.parametrize("exclude", [False, True])
def test_what_lists_leave_out_is_not_learned_from(log, exclude):
    Counting.fitted = []
    lists(RecommendingProtocol(k=2, exclude_validation=exclude), log, make_rung(Counting))
    assert Counting.fitted == [len(log.split.train)]


def test_a_user_who_chose_an_item_twice_has_chosen_it_once_for_novelty(log):
    split = replace(log.split, train=np.r_[log.split.train, log.split.train[:1]])
    prepared = RecommendingProtocol(k=2).prepare(Replicate(0, replace(log, split=split)))
    assert len(prepared.interactions["train"]) == 8
    truth = prepared.truth("test")
    assert (truth.chosen_by.tolist(), truth.train_users) == ([3, 2, 1, 1, 0], 3)
