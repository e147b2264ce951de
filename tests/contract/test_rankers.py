"""What every ranker promises, checked on groups whose order is planted."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from mlsd import models
from mlsd.models.base import Ranker
from mlsd.runtime import InputError

COLUMNS = {"categorical": ("device",), "numeric": ("match",)}
GROUPS, SIZE = 400, 6


def scorer(**changes):
    return models.LightGBMScorer(
        **COLUMNS, **{"n_estimators": 30, "min_child_samples": 20, **changes}
    )


def build(name):
    if name == "LambdaMART":
        return models.LambdaMART(**COLUMNS, n_estimators=30, min_child_samples=20)
    if name == "FixedAtServing":
        # No column of the data: what is fixed changes nothing here.
        inner = models.PointwiseRanker(scorer=scorer())
        return models.FixedAtServing(ranker=inner, column="slot")
    return getattr(models, name)(scorer=scorer())


def planted(seed=0):
    """Return rows, relevance 0 or 1, and groups: relevant is what matches, on the right device."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(GROUPS), SIZE)
    frame = pd.DataFrame(
        {
            "device": rng.choice(["phone", "desktop"], GROUPS)[group],
            "match": rng.normal(size=len(group)),
        }
    )
    sign = np.where(frame["device"] == "phone", 1, -1)
    chance = 1 / (1 + np.exp(-3 * sign * frame["match"]))
    return frame, (rng.random(len(group)) < chance).astype(int), group


@pytest.fixture(scope="module")
def data():
    return planted()


@pytest.fixture(scope="module", params=models.RANKERS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(name, data):
    return build(name).fit(*data)


def test_constructor_stores_its_arguments_and_does_nothing_else(name):
    parameters = inspect.signature(getattr(models, name)).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters)
    marked = {p.name: object() for p in parameters}
    ranker = getattr(models, name)(**marked)
    assert vars(ranker) == marked == ranker.get_params()


def test_keeps_the_contract(name, data):
    ranker = build(name)
    assert ranker.fit(*data) is ranker
    assert isinstance(ranker, Ranker)


def test_planted_order_is_found(fitted):
    frame, relevance, group = planted(seed=1)
    score = fitted.score(frame)
    assert score.shape == (len(frame),)
    table = pd.DataFrame({"group": group, "relevance": relevance, "score": score})
    best = table.sort_values("score").groupby("group")["relevance"].last()
    assert best.mean() > 0.85 > relevance.mean() + 0.2


def test_a_score_does_not_depend_on_the_other_rows(fitted, data):
    whole = fitted.score(data[0].iloc[:50])
    np.testing.assert_allclose(fitted.score(data[0].iloc[7:8]), whole[7:8])
    assert fitted.score(data[0].iloc[:0]).shape == (0,)


def test_order_of_the_groups_names_does_not_matter(name, data):
    frame, relevance, group = data
    again = build(name).fit(frame, relevance, 10_000 - 3 * group)
    np.testing.assert_array_equal(again.score(frame), build(name).fit(*data).score(frame))


def test_inputs_are_never_changed_and_a_mapping_gives_the_same(name, fitted, data):
    frame, relevance, group = (each.copy() for each in data)
    rows = {column: frame[column].to_numpy() for column in frame}
    again = build(name).fit(rows, relevance, group).score(rows)
    np.testing.assert_array_equal(again, fitted.score(data[0]))
    pd.testing.assert_frame_equal(frame, data[0])
    np.testing.assert_array_equal(relevance, data[1])


def test_pickles_and_clones(fitted, data):
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.score(data[0]), fitted.score(data[0]))
    assert type(clone(fitted)) is type(fitted)


def test_bad_input_is_one_clear_line(name, data):
    frame, relevance, group = data
    wrong = {
        "groups have shape": (frame, relevance, group[1:]),
        "y has shape": (frame, relevance[1:], group),
        "'match' is missing": (frame.drop(columns="match"), relevance, group),
    }
    for message, arguments in wrong.items():
        with pytest.raises(InputError, match=message) as caught:
            build(name).fit(*arguments)
        assert "\n" not in str(caught.value)


def test_score_before_fit_is_refused(name, data):
    with pytest.raises(InputError, match="call fit first"):
        build(name).score(data[0])
