"""Three toy cases, one for each protocol, from the log to ledger, README block, figure and A/B."""

import json
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from mlsd import experiments
from mlsd.cases import Case, OnlineMeasure, find_case, registry
from mlsd.cli.ladder_view import ladder_view, plain_lines
from mlsd.course.document import Course
from mlsd.course.ladder_block import ladder_block, picture_block, write_figures
from mlsd.data import ColumnRoles, LabelledLog, Split
from mlsd.experiments import (
    Ladder,
    Outcomes,
    RankingProtocol,
    RecommendingProtocol,
    Replicate,
    Rung,
    ScoringProtocol,
    WorldSource,
    deployer,
    evidence,
    run_ab_test,
    run_ladder,
    summarise_ladder,
)
from mlsd.experiments.display import LadderFigure, TableColumn
from mlsd.experiments.protocols.ranking import GroupedLabels
from mlsd.experiments.runs import ReplicateRuns, RungRun
from mlsd.metrics import Interval, best_f1_threshold
from mlsd.models import PopularityRecommender
from mlsd.runtime import InputError, case_name
from mlsd.worlds.base import Comparison, Lift, Report

SECOND = 1 / np.log2(3)  # gain of a hit at the second rank


class ToyWorld:
    """Pays what the policy says it is worth, alone or beside another."""

    def logging_policy(self, days):
        return 1.0

    def deploy(self, policy, days, *, history_days):
        pay = Interval(policy * days, policy * days, policy * days)
        return Report({"pay": pay}, pd.DataFrame(), {"pay": "coins"})

    def compare(self, a, b, days, *, history_days, design="twin"):
        left, right = (self.deploy(each, days, history_days=history_days) for each in (a, b))
        control, treatment = left.measures["pay"], right.measures["pay"]
        gap = Interval(*(treatment.estimate - control.estimate for _ in range(3)))
        relative = Interval(*(gap.estimate / control.estimate for _ in range(3)))
        return Comparison(design, {"pay": Lift(control, treatment, gap, relative)}, left, right)

    def compare_with_logging(self, policy, days, *, history_days):
        return self.compare(
            self.logging_policy(history_days), policy, days, history_days=history_days
        )

    ab_test = compare


def make_case(case_id, rungs, protocol, log, metric, truth):
    """Return a whole case: this is all that one has to name."""

    def simulate(seed):
        return Replicate(seed, log, truth=truth, world=ToyWorld(), history_days=1)

    def pay(fitted, prepared):
        return float(fitted.validation[protocol.validation_column])

    return Case(
        name=case_name(case_id),
        title=f"toy {case_id}",
        world=lambda seed, **options: ToyWorld(),
        source=lambda **options: WorldSource(f"{case_id}_world", simulate),
        sizes=("default",),
        variants=(),
        ladder=Ladder(rungs, protocol, pay, ("user",)),
        headline=OnlineMeasure("pay", "per day"),
        printed=(TableColumn(metric, metric),),
        listed=(TableColumn(metric, metric), TableColumn("pay", "online_pay", ".2f")),
        figure=LadderFigure(metric, metric),
        rows_are="rows",
        card=lambda: "# Toy",
        about_oracle="The oracle needs no model.",
    )


def one_rung(name, model, features="ids"):
    build = (lambda inputs, settings: model(**settings)) if model else None
    needs = "a world, which knows the truth"
    settings = (lambda roles: ({},)) if model else (lambda roles: ())
    return Rung(name, name, features, build, settings, needs)


# Scoring: half of the rows are clicked; the second rung reads off which, the oracle is surer.


class Coin:
    """Says one half, whatever it sees."""

    def fit(self, X, y, *, valid=None, sample_weight=None):
        return self

    def predict_proba(self, X):
        return np.full((len(X["site"]), 2), 0.5)


class Reader(Coin):
    """Says nine tenths or one tenth, as the site tells."""

    def predict_proba(self, X):
        one = np.where(np.asarray(X["site"]) == 1, 0.9, 0.1)
        return np.column_stack([1 - one, one])


def scoring_case():
    site = np.tile([0, 1], 30)
    frame = pd.DataFrame({"site": site, "ts": np.arange(60.0), "click": site.astype(np.int8)})
    roles = ColumnRoles("click", time="ts", categorical=("site",))
    log = LabelledLog("fraud_world", frame, roles, split_at(60, 40, 50))
    rungs = (one_rung("coin", Coin, "none"), one_rung("reader", Reader))
    rungs += (one_rung("oracle", None, "truth"),)
    truth = np.where(site == 1, 0.99, 0.01)
    return make_case("fraud", rungs, ScoringProtocol(), log, "log_loss", truth)


# Recommending: popular items first, or last.


class Unpopular(PopularityRecommender):
    """Recommends what the fewest chose."""

    def fit(self, interactions, **options):
        super().fit(interactions, **options)
        self.scores_ = -self.scores_
        return self


def recommending_case():
    train = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (3, 2)]
    validation, test = [(0, 2), (3, 0)], [(2, 1), (3, 1), (0, 2), (1, 0), (4, 0)]
    pairs = np.array(train + [(0, 2)] * 5 + validation + test)
    label = np.r_[np.ones(6), np.zeros(5), np.ones(7)].astype(np.int8)
    frame = pd.DataFrame({"user": pairs[:, 0], "film": pairs[:, 1], "liked": label})
    roles = ColumnRoles("liked", user="user", item="film")
    log = LabelledLog("video_world", frame, roles, split_at(18, 11, 13))
    rungs = (one_rung("unpopular", Unpopular), one_rung("popular", PopularityRecommender))
    return make_case("video", rungs, RecommendingProtocol(k=2), log, "ndcg@2", None)


# Ranking: groups sorted by a number, or against it.


class Up:
    """Ranks by the number."""

    sign = 1

    def fit(self, X, y, groups):
        assert len(groups) == len(y) == len(X["size"])
        return self

    def score(self, X):
        return self.sign * np.asarray(X["size"], dtype=float)


class Down(Up):
    """Ranks against the number."""

    sign = -1


def ranking_case():
    groups = [(1, [1, 0]), (2, [1, 0, 0]), (3, [1, 0, 0]), (4, [0, 0, 1]), (5, [0, 0]), (6, [1, 0])]
    rows = [
        (name, len(labels) - rank, label)
        for name, labels in groups
        for rank, label in enumerate(labels)
    ]
    frame = pd.DataFrame(rows, columns=["request", "size", "bought"])
    log = LabelledLog(
        "event_world", frame, ColumnRoles("bought", numeric=("size",)), split_at(15, 2, 5)
    )
    rungs = (one_rung("down", Down), one_rung("up", Up), one_rung("oracle", None, "truth"))
    truth = frame["bought"].to_numpy(float)
    protocol = RankingProtocol(group="request", k=3)
    return make_case("event", rungs, protocol, log, "ndcg@3", truth)


def split_at(rows, first, second):
    return Split(*np.split(np.arange(rows), [first, second]), description="given")


@dataclass
class Expected:
    """By rung, in order: metrics on the test part, and the metric that tunes on validation."""

    make: object
    metrics: dict
    validation: list
    selected: str


EXPECTED = {
    "scoring": Expected(
        scoring_case,
        {"log_loss": [np.log(2), -np.log(0.9), -np.log(0.99)], "auc": [0.5, 1, 1]},
        [np.log(2), -np.log(0.9), np.nan],
        "reader",
    ),
    # Four users have something new to choose; popular puts it first for all but user 3.
    "recommending": Expected(
        recommending_case,
        {
            "recall@2": [3 / 4, 1],
            "ndcg@2": [(2 + SECOND) / 4, (3 + SECOND) / 4],
            "map@2": [2.5 / 4, 3.5 / 4],
            "mrr@2": [2.5 / 4, 3.5 / 4],
        },
        [(1 + SECOND) / 2, 1],
        "popular",
    ),
    # Groups 3, 4 and 6 have something to find, at ranks 1, 3 and 1 of the order by size.
    "ranking": Expected(
        ranking_case,
        {
            "ndcg@3": [(0.5 + 1 + SECOND) / 3, (1 + 0.5 + 1) / 3, 1],
            "map@3": [(1 / 3 + 1 + 1 / 2) / 3, (1 + 1 / 3 + 1) / 3, 1],
        },
        [0.5, 1, np.nan],
        "up",
    ),
}


@pytest.fixture(params=EXPECTED)
def expected(request):
    return EXPECTED[request.param]


@pytest.fixture
def case(expected, monkeypatch):
    made = expected.make()
    monkeypatch.setitem(registry._LOADERS, made.id, lambda: made)
    return find_case(made.id)


@pytest.fixture
def summary(case, monkeypatch):
    monkeypatch.setattr(evidence, "FEWEST_UNITS", 2)  # What is computed by hand has few users.
    deploy = deployer(case.ladder, 2)
    return summarise_ladder(run_ladder(case.source(), case.ladder, seeds=(1, 2), deploy=deploy))


def test_metrics_are_those_computed_by_hand(summary, expected, case):
    for name, values in expected.metrics.items():
        assert [row.metrics[name] for row in summary.rungs] == pytest.approx(values), name
    column = case.ladder.protocol.validation_column
    found = [row.validation[column] for row in summary.rungs]
    assert found == pytest.approx(expected.validation, nan_ok=True)
    assert [row.rung.name for row in summary.rungs if row.selected] == [expected.selected]


def test_differences_are_paired_and_best_is_the_selected_rung(summary, expected):
    for name in summary.rungs[1].vs_previous:
        first, second = expected.metrics.get(name, [None, None])[:2]
        if first is not None:
            step = summary.rungs[1].vs_previous[name]
            assert step[0] == pytest.approx(second - first)
            assert step[1] <= step[0] <= step[2]
    best = next(row for row in summary.rungs if row.rung.name == expected.selected)
    assert set(best.vs_best.values()) == {(0.0, 0.0, 0.0)}
    assert best.costs["predict_one_p50_ms"] > 0


def test_ledger_readme_and_figure(summary, expected, case, tmp_path, monkeypatch):
    monkeypatch.setattr("mlsd.experiments.ledger.project_root", lambda: tmp_path)
    path = experiments.ledger_path(case.id, summary.source)
    experiments.write_ledger(summary, path)
    table = experiments.load_ledger(case.id)
    for name, values in expected.metrics.items():
        assert table[name].tolist() == pytest.approx(values, rel=1e-5)
    assert table.loc[table["selected"], "rung"].tolist() == [expected.selected]
    experiments.write_json(summary, tmp_path / "l.json", case.id)
    document = json.loads((tmp_path / "l.json").read_text())
    assert document["case"] == case.id
    assert [rung["selected"] for rung in document["rungs"]] == table["selected"].tolist()
    assert ladder_view(summary, case).table.row_count == len(summary.rungs)
    block = ladder_block(Course(tmp_path, ()), case.id)
    shown = expected.metrics[case.figure.metric]
    assert f"| {expected.selected} * | {shown[1]:.4f} |" in block
    has_oracle = any(row.rung.is_oracle for row in summary.rungs)
    assert (case.about_oracle in block) == has_oracle
    assert (f"# {case.about_oracle}" in list(plain_lines(summary, case))) == has_oracle
    assert f"the ladder of {case.title}" in picture_block(Course(tmp_path, ()), case.id)
    (figure,) = write_figures(Course(tmp_path, ()))
    assert case.figure.metric in (tmp_path / figure).read_text()


def test_a_model_is_given_the_luck_of_its_own_replicate(case):
    asked, rung, protocol = [], case.ladder.rungs[0], case.ladder.protocol

    def build(inputs, settings):
        asked.append(inputs.random_state)
        return rung.build(inputs, settings)

    for seed in (1, 5):
        prepared = protocol.prepare(case.source().simulate(seed))
        protocol.fit(replace(rung, build=build), prepared, {})
    assert asked == [1, 5]


def test_a_rung_is_deployed_and_tested_against_another(summary, case):
    names = [row.rung.name for row in summary.rungs]
    column = case.ladder.protocol.validation_column
    values = [row.validation[column] for row in summary.rungs]
    assert [row.online["pay"] for row in summary.rungs[:2]] == pytest.approx(
        [2 * value for value in values[:2]]
    )
    result = run_ab_test(case.source(), case.ladder, tuple(names[:2]), days=3)
    lift = result.truth.lifts["pay"]
    assert lift.control.estimate == pytest.approx(3 * values[0])
    assert lift.relative.estimate == pytest.approx(values[1] / values[0] - 1)
    with pytest.raises(InputError, match="unknown design 'coin'; choose among user"):
        run_ab_test(case.source(), case.ladder, tuple(names[:2]), design="coin")


def test_the_observed_test_has_the_arms_the_design_and_the_world_that_were_asked_for(case):
    names, asked = tuple(rung.name for rung in case.ladder.rungs[:2]), []
    source = case.source()

    def simulate(seed):
        asked.append(seed)
        return source.simulate(seed)

    watched = WorldSource(source.name, simulate)
    result = run_ab_test(watched, case.ladder, names, design="user", days=3, seed=5)
    assert asked == [5]
    assert (result.test.design, result.truth.design) == ("user", "twin")
    observed, true = (each.lifts["pay"] for each in (result.test, result.truth))
    assert (observed.control, observed.treatment) == (true.control, true.treatment)
    share = f"{100 * observed.relative.estimate:+.1f}"
    lift = f"{share} % [{share}, {share}]"
    arms = (f"{each.estimate:.4g}" for each in (observed.control, observed.treatment))
    assert result.rows() == [("pay", *arms, lift, lift)]


def test_an_arm_that_cannot_be_fitted_is_one_clear_line(case):
    first = case.ladder.rungs[0]
    bare = replace(first, name="bare", settings=lambda roles: (), needs="a time")
    ladder = replace(case.ladder, rungs=(first, bare))
    with pytest.raises(InputError, match="bare cannot be fitted: the log lacks a time"):
        run_ab_test(case.source(), ladder, (first.name, "bare"))


def test_kept_runs_of_each_protocol_come_back(case, tmp_path, monkeypatch):
    climb = partial(run_ladder, case.source(), case.ladder, seeds=(1,))
    first = climb(store=experiments.RunStore(tmp_path))
    monkeypatch.setattr(type(case.ladder.protocol), "fit", None)
    again = climb(store=experiments.RunStore(tmp_path))
    for name, run in first.replicates[0].runs.items():
        kept = again.replicates[0].runs[name].predictions
        for key, values in run.predictions.items():
            np.testing.assert_array_equal(kept[key], values)


def test_what_a_user_had_in_training_is_neither_recommended_nor_missed():
    log = recommending_case().source().simulate(1).log
    replicate = Replicate(0, log)
    without, within = (RecommendingProtocol(k=2, exclude_seen=e) for e in (True, False))
    assert without.prepare(replicate).users["test"].tolist() == [0, 2, 3, 4]
    assert within.prepare(replicate).users["test"].tolist() == [0, 1, 2, 3, 4]


def test_recommenders_are_given_the_other_columns_of_the_log_by_their_own_names():
    log = recommending_case().source().simulate(1).log
    watched = np.arange(len(log.frame))
    wide = replace(log, frame=log.frame.assign(watch_seconds=watched))
    prepared = RecommendingProtocol(k=2).prepare(Replicate(0, wide))
    given = prepared.interactions["train"]
    assert {"user_id", "item_id", "watch_seconds"} <= set(given)
    chosen = log.split.train[log.label[log.split.train] == 1]
    assert given["watch_seconds"].tolist() == watched[chosen].tolist()


def test_an_item_that_a_user_chose_twice_is_relevant_once():
    log = recommending_case().source().simulate(1).log
    test = np.repeat(log.split.test, 2)
    twice = replace(log, split=replace(log.split, test=test))
    found, expected = (
        RecommendingProtocol(k=2).prepare(Replicate(0, each)) for each in (twice, log)
    )
    assert list(map(list, found.relevant["test"])) == list(map(list, expected.relevant["test"]))


def test_a_ledger_of_recommenders_counts_interactions_and_not_rows():
    """Eleven rows are for training, of which six are interactions; four users of the test part
    have one relevant item each, and two of validation."""
    case = recommending_case()
    runs = run_ladder(case.source(), case.ladder, seeds=(1,))
    assert runs.rows == {"train": 6, "validation": 2, "test": 4}


@pytest.mark.parametrize(
    "reads",
    [{"features": "counters"}, {"outcomes": Outcomes("films", lambda prepared, part: None)}],
)
def test_a_recommender_is_given_no_outcomes_and_no_counters(reads):
    case = recommending_case()
    case = replace(
        case, ladder=replace(case.ladder, rungs=(replace(case.ladder.rungs[0], **reads),))
    )
    log = case.source().simulate(1)
    simulate = WorldSource(
        "video_world", lambda seed: replace(log, tables={"films": log.log.frame})
    )
    with pytest.raises(InputError, match="recommenders learn from interactions alone"):
        run_ladder(simulate, case.ladder, seeds=(1,))


def test_what_a_user_had_in_training_is_recommended_where_it_counts():
    log = recommending_case().source().simulate(1).log
    rung, first = one_rung("popular", PopularityRecommender), {}
    for exclude_seen in (True, False):
        protocol = RecommendingProtocol(k=2, exclude_seen=exclude_seen)
        prepared = protocol.prepare(Replicate(0, log))
        run = protocol.predict(protocol.fit(rung, prepared, {}), prepared)
        tops = prepared.corpus[run.predictions["items"][:, 0]]
        first[exclude_seen] = dict(zip(prepared.users["test"].tolist(), tops, strict=True))
    # Film 0 is the one that most chose, users 0, 1 and 2 among them.
    assert first[False] == dict.fromkeys(range(5), 0)
    assert first[True][0] == 2
    assert first[True][2] == 1


def test_a_recommender_learns_from_training_alone_and_is_told_of_users_and_items():
    told = {}

    class Curious(PopularityRecommender):
        def fit(self, interactions, **options):
            told.update(options, interactions=interactions)
            return super().fit(interactions, **options)

    films = pd.DataFrame({"film": [0, 1, 2], "minutes": [90, 120, 80]})
    replicate = replace(recommending_case().source().simulate(1), tables={"items": films})
    protocol = RecommendingProtocol(k=2)
    protocol.fit(one_rung("curious", Curious), protocol.prepare(replicate), {})
    assert told["items"] is films
    assert told["users"] is None
    assert told["interactions"]["user_id"].tolist() == [0, 1, 2, 0, 1, 3]
    assert told["valid"]["user_id"].tolist() == [0, 3]


def test_the_threshold_of_the_oracle_is_that_of_the_validation_rows():
    replicate = scoring_case().source().simulate(1)
    truth = replicate.truth.copy()
    truth[replicate.log.split.test] /= 2
    protocol = ScoringProtocol()
    prepared = protocol.prepare(replace(replicate, truth=truth))
    threshold = best_f1_threshold(prepared.label("validation"), truth[40:50])
    assert protocol.oracle(prepared).validation["f1_threshold"] == threshold


def test_a_log_that_cannot_be_recommended_from_is_one_clear_line():
    log = scoring_case().source().simulate(1).log
    with pytest.raises(InputError, match="needs a user and an item column"):
        RecommendingProtocol().prepare(Replicate(0, log))
    films = recommending_case().source().simulate(1).log
    empty = LabelledLog("films", films.frame.assign(liked=0), films.roles, films.split)
    with pytest.raises(InputError, match="no user of the validation part"):
        RecommendingProtocol().prepare(Replicate(0, empty))


def test_a_ranker_learns_from_its_own_outcomes():
    taught = []

    class Pupil(Up):
        def fit(self, X, y, groups):
            taught.append(y)
            return self

    def of(prepared, part):
        return 7 * prepared.label(part)

    replicate, protocol = ranking_case().source().simulate(1), RankingProtocol(group="request", k=3)
    rung = replace(one_rung("pupil", Pupil), outcomes=Outcomes("sales", of))
    protocol.fit(rung, protocol.prepare(replicate), {})
    assert taught[0].tolist() == [7, 0]


def test_groups_have_to_be_there_and_in_one_part():
    log = ranking_case().source().simulate(1).log
    with pytest.raises(InputError, match="the column 'basket' of the groups is missing"):
        RankingProtocol(group="basket").prepare(Replicate(0, log))
    torn = LabelledLog("torn", log.frame, log.roles, split_at(15, 1, 5))
    with pytest.raises(InputError, match="group 1 of column 'request' has rows in two parts"):
        RankingProtocol(group="request").prepare(Replicate(0, torn))


def test_groups_are_resampled_with_the_users_of_the_test_part():
    plain = ranking_case().source().simulate(1).log
    frame = plain.frame.assign(buyer=np.repeat([9, 9, 7, 8, 7, 8], [2, 3, 3, 3, 2, 2]))
    log = LabelledLog("shop", frame, replace(plain.roles, user="buyer"), plain.split)
    protocol = RankingProtocol(group="request", k=3)
    judged = [protocol.judged(protocol.prepare(Replicate(0, each)), {}) for each in (log, plain)]
    np.testing.assert_array_equal(judged[0].clusters[[0, 1]], judged[0].clusters[[2, 3]])
    assert len(set(judged[0].clusters)) == 2
    assert judged[1].clusters is None


def test_equal_scores_do_not_profit_from_the_order_of_the_log():
    groups = np.repeat(np.arange(2000), 4)
    first = np.tile([1, 0, 0, 0], 2000)
    ndcg = GroupedLabels(groups, first).by_group(np.zeros(8000), 1)["ndcg@1"]
    assert ndcg.mean() == pytest.approx(0.25, abs=0.03)


def test_groups_of_one_user_are_resampled_together():
    """Each group stands five times, under one user: five times the groups know nothing more."""
    generator = np.random.default_rng(2)
    label, score = generator.integers(2, size=(2, 200, 3))
    score = score + generator.random(score.shape)
    protocol = RankingProtocol(group="request", k=3)

    def draws(times, users):
        groups = np.repeat(np.arange(200 * times), 3)
        labels = GroupedLabels(groups, np.repeat(label, times, axis=0).ravel())
        run = RungRun({"score": np.repeat(score, times, axis=0).ravel()})
        replicate = ReplicateRuns(0, labels, users, {"up": run})
        return protocol.draws(replicate, "up", "map@3", repetitions=50, seed=0)

    single, fivefold = draws(1, None), draws(5, np.repeat(np.arange(200), 5))
    assert fivefold[0] == pytest.approx(single[0])
    np.testing.assert_allclose(fivefold[1], single[1])


@pytest.mark.parametrize("column", ["user", "film"])
def test_an_interaction_without_user_or_item_is_one_clear_line(column):
    log = recommending_case().source().simulate(1).log
    torn = log.frame.assign(**{column: log.frame[column].where(log.frame.index != 14)})
    replicate = Replicate(0, LabelledLog("torn", torn, log.roles, log.split))
    with pytest.raises(InputError, match="a row of the test part lacks its user or its item"):
        RecommendingProtocol(k=2).prepare(replicate)


def test_users_that_are_categories_count_where_they_choose_something():
    log = recommending_case().source().simulate(1).log
    frame = log.frame.astype({"user": "category"})
    prepared = RecommendingProtocol(k=2).prepare(
        Replicate(0, LabelledLog("films", frame, log.roles, log.split))
    )
    assert prepared.users["test"].tolist() == [0, 2, 3, 4]
    assert all(map(len, prepared.relevant["test"]))


def test_what_fills_a_short_list_is_no_item_of_that_id():
    case = recommending_case()
    log, rung = case.source().simulate(1).log, case.ladder.rungs[1]
    protocol = RecommendingProtocol(k=5)

    def lists(shift):
        frame = log.frame.assign(film=log.frame["film"] + shift)
        replicate = Replicate(0, LabelledLog("films", frame, log.roles, log.split))
        prepared = protocol.prepare(replicate)
        return protocol.predict(protocol.fit(rung, prepared, {}), prepared).predictions["items"]

    np.testing.assert_array_equal(lists(-2), lists(0))


def test_a_row_without_a_group_and_a_part_without_a_hit_are_one_clear_line():
    log = ranking_case().source().simulate(1).log
    missing = log.frame["request"].where(log.frame.index != 3)
    no_hit = log.frame["bought"].where(~log.frame.index.isin(log.split.validation), 0)
    for changed, message in (
        ({"request": missing}, "a row has no group in column 'request'"),
        ({"bought": no_hit.astype(np.int8)}, "no row of the validation part has label 1"),
    ):
        torn = LabelledLog("torn", log.frame.assign(**changed), log.roles, log.split)
        with pytest.raises(InputError, match=message):
            RankingProtocol(group="request").prepare(Replicate(0, torn))
