"""The served home feed shows what the fitted rungs recommend; a damaged one is one line."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mlsd.cases import find_service
from mlsd.cases.video.ladder import LADDER
from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.serving_tables import feed_viewers
from mlsd.cases.video.training import RANKER_OPTIONS, served_feed
from mlsd.cases.video.worlds import WORLDS, replicate_of
from mlsd.experiments.ledger import ledger_settings
from mlsd.experiments.rungs import select_rungs
from mlsd.models import LambdaMART
from mlsd.policies.video import RecommenderPolicy
from mlsd.runtime import InputError
from mlsd.serving.artifact import read_artifact
from mlsd.serving.engine import Engine, StageClock
from mlsd.serving.video.engine import FeedEngine, load_feed
from mlsd.serving.video.sources import ListSource


@pytest.fixture(scope="module")
def stage():
    return ranking_stage(WORLDS.make(3, size="small"))  # as the artifact's


@pytest.fixture(scope="module")
def logs(stage):
    return stage.logs


@pytest.fixture(scope="module")
def engine(video_artifact):
    return load_feed(read_artifact(video_artifact.folder, case="video"))


@pytest.fixture(scope="module")
def ranker(stage):
    return stage.fit(LambdaMART(**stage.columns, **RANKER_OPTIONS), "watched")


@pytest.fixture(scope="module")
def requests(stage):
    """Return the first requests after the history and some of later steps, as if at its end."""
    heard = []

    class Listening(RecommenderPolicy):
        def act(self, requests):
            heard.append(requests)
            return super().act(requests)

    stage.world.deploy(Listening(stage.features.sources["popular"]), days=1, history_days=14)
    late = max((each for each in heard if each.shown.shape[1] >= 12), key=len)
    # Counters are as of the moment at which the sessions of an hour began, so those come first.
    batches = heard[0], late
    return [replace(each, ts=np.full(len(each), float(stage.logs.until))) for each in batches]


def page(engine, **request):
    return engine.answer(engine.parse(json.dumps(request).encode()), StageClock())


def test_it_answers_its_own_examples_with_every_rung(engine, logs):
    assert isinstance(engine, Engine)
    gone = set(logs.videos.query("removed_at == removed_at")["item_id"])
    generator = np.random.default_rng(0)
    for rung in engine.rungs:
        answer = page(engine, **{**engine.example(generator), "rung": rung})
        assert answer["rung"] == rung
        assert len(set(answer["items"])) == 12
        assert not set(answer["items"]) & gone
        assert len({len(v) for v in answer.values() if isinstance(v, list) and v}) == 1
        json.dumps(answer, allow_nan=False)


def test_the_catalogue_and_the_history_are_those_of_the_logs(engine, logs):
    served, user = engine.served, int(engine.served.viewers.by_activity[0])
    videos = logs.videos.set_index("item_id")
    answer = page(engine, user_id=user)
    assert answer["topics"] == videos.loc[answer["items"], "topic"].tolist()
    assert answer["creators"] == videos.loc[answer["items"], "creator_id"].tolist()
    started = logs.impressions.query("click == 1 and user_id == @user")
    started = started.sort_values(["ts", "position"])
    expected = started["item_id"].to_numpy()[-50:]
    own = served.viewers.recent[user]
    assert own[own >= 0].tolist() == expected.tolist()


def feed_of(stage, ranker):
    return served_feed(stage, ranker, "ease", ListSource(np.zeros((1, 1), np.int32)))


def test_sources_score_as_the_fitted_models_do(stage, ranker, requests):
    feed = feed_of(stage, ranker)
    engine, videos = FeedEngine(feed), np.arange(len(stage.logs.videos))
    compared = 0
    for user in np.asarray(requests[1].context["user_id"])[:8].tolist():
        viewer = engine.viewer(engine.parse(b'{"user_id": %d}' % user))
        expected = stage.features.score_pairs(np.full(len(videos), user), videos).T
        for name, scores in zip(("trending", "ials", "ease"), expected):
            found = feed.sources[name].scores(viewer)
            if not np.isnan(scores).any():
                assert found == pytest.approx(scores, rel=1e-4, abs=1e-5)
                compared += 1
    assert compared >= 12


def test_a_request_is_looked_up_and_scored_as_by_the_deployed_policy(stage, ranker, requests):
    feed, rng, policy = feed_of(stage, ranker), np.random.default_rng(0), stage.policy(ranker)
    first, requests = requests
    policy.rank(first, np.zeros((len(first), 1), np.int32), np.zeros((len(first), 1, 3)))
    users, history = np.asarray(requests.context["user_id"]), requests.history(20)
    live = requests.live[requests.live < len(stage.logs.videos)]  # no later upload
    items = np.stack([rng.permutation(live)[:30] for _ in users])
    scores = stage.features.score_pairs(np.repeat(users, 30), items.ravel())
    expected = policy.rank(requests, items, scores.reshape(len(users), 30, -1))
    engine, gaps = FeedEngine(feed), []
    for row, user in enumerate(users.tolist()):
        told = {name: int(requests.context[name][row]) for name in ("device", "hour", "step")}
        request = engine.parse(json.dumps({"user_id": user, **told}).encode())
        recent = history[row][history[row] >= 0]
        viewer = replace(engine.viewer(request), recent=recent, shown=requests.shown[row])
        found = feed.ranker.score(request, viewer, items[row], feed.sources)
        gaps.append(np.abs(found - expected[row]).max())
    assert len(users) >= 10
    # A value beside a threshold may fall on its other side; nothing else may differ.
    assert np.mean(np.array(gaps) < 1e-6) > 0.9


def test_a_list_made_overnight_is_that_of_the_fitted_rung(engine, stage):
    (rung,) = select_rungs(LADDER.rungs, ["ease"])
    prepared = LADDER.protocol.prepare(replicate_of(stage.world, logs=stage.logs))
    settings = ledger_settings("video", rung, prepared.replicate.log.roles)
    model = LADDER.protocol.fit(rung, prepared, settings).model
    user, live = int(engine.served.viewers.by_activity[0]), engine.served.catalogue.live
    items, _ = model.recommend(np.array([user]), 80, candidates=np.flatnonzero(live))
    shown = page(engine, user_id=user, rung="ease_overnight")["items"]
    recent = engine.served.viewers.recent[user]
    assert shown == items[0][~np.isin(items[0], recent)][:12].tolist()


def test_sources_are_served_with_all_that_the_history_holds(engine, stage):
    served, fitted_once = (feed_viewers(each).watched for each in (stage.refitted(), stage))
    assert engine.served.viewers.watched.tolist() == served.tolist()
    assert len(served) > len(fitted_once)


def test_what_it_was_made_of_is_said(video_artifact):
    about = video_artifact.about
    assert {"rung": "ease", "size": "small", "seed": "3"}.items() <= about.items()
    assert int(about["train_rows"]) > 1000


def test_a_damaged_feed_is_one_line(video_artifact, tmp_path):
    folder = tmp_path / video_artifact.folder.name
    shutil.copytree(video_artifact.folder, folder)
    (folder / "feed.npz").write_bytes(b"not an archive")
    with pytest.raises(InputError) as raised:
        load_feed(read_artifact(folder, case="video"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"rung": "oracle"}, "choose one that learns"),
        ({"rung": "nope"}, "unknown rung 'nope'"),
        ({"rung": "ease", "size": "huge"}, "size"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_leaves_nothing(options, problem, tmp_path):
    with pytest.raises(InputError, match=problem):
        find_service("video").train(tmp_path, **options)
    assert list((tmp_path / "video").iterdir()) == []


START = """
import sys
from mlsd.cases import find_service
from mlsd.serving.artifact import read_artifact
find_service("video").load(read_artifact(sys.argv[1]))
print([name for name in ("torch", "lightgbm", "sklearn", "pandas", "faiss", "duckdb")
       if name in sys.modules])
"""


def test_a_serving_process_loads_no_library_of_training(video_artifact):
    run = [sys.executable, "-c", START, str(video_artifact.folder)]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "[]\n"
