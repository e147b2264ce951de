"""The heads of the value model."""

import numpy as np
import pytest

from mlsd.cases.video.ranking import ranking_stage
from mlsd.cases.video.value import HEADS, mean_predictions, sum_ranker, tuned_heads
from mlsd.worlds import VideoWorld


@pytest.fixture(scope="module")
def stage():
    return ranking_stage(VideoWorld(seed=3, size="small"))


@pytest.fixture(scope="module")
def heads(stage):
    return tuned_heads(stage)


def test_every_head_has_as_many_settings_and_orders_its_outcome(stage, heads):
    assert len({len(rung.settings) for rung in HEADS.values()}) == 1
    rows = stage.rows("test")
    for name in ("click", "watched", "like"):
        score, positive = heads[name].score(rows), (rows[name] == 1).to_numpy()
        assert score[positive].mean() > score[~positive].mean()


def test_means_are_those_of_the_predictions(stage, heads):
    means = mean_predictions(stage, heads)
    assert list(means) == list(HEADS)
    rows = stage.rows("validation")
    assert means["like"] == pytest.approx(heads["like"].score(rows).mean())


def test_a_sum_asks_only_the_heads_that_have_a_weight(stage, heads):
    means = mean_predictions(stage, heads)
    ranker = sum_ranker(heads, means, {"click": 0.5, "like": 2.0})
    assert list(ranker.heads) == ["click", "like"]
    rows = stage.rows("test").iloc[:50]
    click, like = (heads[name].score(rows) / means[name] for name in ("click", "like"))
    np.testing.assert_allclose(ranker.score(rows), 0.5 * click + 2 * like)


def test_every_head_learns_what_it_is_judged_by():
    found = {name: (rung.outcome, rung.judged_by) for name, rung in HEADS.items()}
    assert found == {name: (name, name) for name in HEADS}
