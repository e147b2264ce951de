"""What is served scores as what was fitted: every rung of the ladder, saved and read again."""

import numpy as np
import pytest
from scipy.special import expit

from mlsd.cases import find_case
from mlsd.experiments.prepared import select_columns
from mlsd.models import (
    ESMM,
    GlobalRate,
    LightGBMScorer,
    SmoothedRate,
    StackedEnsemble,
    TreeLeavesLogisticRegression,
)
from mlsd.models.tasks import OneTask
from mlsd.runtime import InputError
from mlsd.serving.compiled import SAVED_FORMS, RequestColumns
from mlsd.serving.compiled.fitted import compile_scorer
from mlsd.serving.saved_objects import load_object, save_object

CASE = find_case("ad_click")
RUNGS = {rung.name: rung for rung in CASE.ladder.rungs if not rung.is_oracle}
# Networks compute in single precision, and their sums in another order.
IN_SINGLE = {"fm", "dlrm", "deepfm", "dcn", "din", "esmm", "ensemble", "student"}


@pytest.fixture(scope="module")
def prepared():
    source = CASE.source(size="small", history_days=2)
    return CASE.ladder.protocol.prepare(next(source.replicates((3,))))


def some_rows(columns):
    """Return rows of the test part, then the same with ids that nobody saw and no number."""
    known = {name: np.asarray(columns[name])[:100] for name in columns}
    strange = dict(known)
    for name in ("user_id", "ad_id", "publisher_id"):
        strange[name] = np.where(np.arange(100) % 2, known[name], -1 - 70_000 * known[name])
    strange["ad_age_days"] = np.where(np.arange(100) % 3, known["ad_age_days"], np.nan)
    return {name: np.concatenate([known[name], strange[name]]) for name in known}


@pytest.mark.parametrize("name", RUNGS)
def test_a_rung_scores_as_it_was_fitted(name, prepared, tmp_path):
    rung = RUNGS[name]
    settings = rung.settings(prepared.replicate.log.roles)[-1]
    model = CASE.ladder.protocol.fit(rung, prepared, settings).model
    rows = some_rows(select_columns(rung, prepared, "test"))
    save_object(compile_scorer(model), tmp_path, "model")
    served = load_object(tmp_path, "model", SAVED_FORMS)
    probability = model.predict_proba(rows)[:, 1]
    error = np.abs(expit(served.score(RequestColumns(rows))) - probability)
    single = name.removesuffix("_counters").removesuffix("_v2") in IN_SINGLE
    assert error.max() < (2e-6 if single else 1e-12)
    if name != "global_rate":
        assert np.ptp(probability) > 1e-3


def test_a_member_that_is_certain_counts_as_in_the_fitted_ensemble():
    X = {"ad_id": np.arange(1000) % 2}
    certain = SmoothedRate(levels=(("ad_id",),), strength=1e-12)
    bases = {"certain": certain, "global": GlobalRate()}
    fitted = StackedEnsemble(scorers=bases, combine="average").fit(X, X["ad_id"])
    assert not np.isin(fitted.fitted_["certain"][0].predict_proba(X)[:, 1], [0, 1]).any()
    score = compile_scorer(fitted).score(RequestColumns(X))
    np.testing.assert_allclose(expit(score), fitted.predict_proba(X)[:, 1], rtol=1e-9)


def test_the_fits_of_one_member_are_averaged():
    generator = np.random.default_rng(0)
    X = {"a": generator.normal(size=3000), "b": generator.normal(size=3000)}
    y = (generator.random(3000) < expit(X["a"] - 1)).astype(np.int8)
    trees = LightGBMScorer(categorical=(), numeric=("a", "b"), n_estimators=5)
    bases = {"trees": trees, "global": GlobalRate()}
    fitted = StackedEnsemble(scorers=bases, seeds=3, random_state=1).fit(X, y)
    each = [fit.predict_proba(X)[:, 1] for fit in fitted.fitted_["trees"]]
    assert len(each) == 3
    assert not np.allclose(each[0], each[1])
    score = compile_scorer(fitted).score(RequestColumns(X))
    np.testing.assert_allclose(expit(score), fitted.predict_proba(X)[:, 1], rtol=1e-9)


@pytest.mark.parametrize("keep_ids", [True, False])
def test_leaves_are_weighed_with_or_without_the_ids(keep_ids):
    generator = np.random.default_rng(0)
    X = {"ad_id": generator.integers(0, 50, 3000), "a": generator.normal(size=3000)}
    y = (generator.random(3000) < expit(X["a"] + X["ad_id"] % 3 - 2)).astype(np.int8)
    names = {"categorical": ("ad_id",), "numeric": ("a",), "keep_ids": keep_ids}
    fitted = TreeLeavesLogisticRegression(**names, n_estimators=5).fit(X, y)
    served = compile_scorer(fitted)
    _, ids = served.members
    assert (ids.hashed is not None) == keep_ids
    score = served.score(RequestColumns(X))
    np.testing.assert_allclose(expit(score), fitted.predict_proba(X)[:, 1], rtol=1e-9)


def test_only_the_first_of_two_tasks_is_served():
    scorer = OneTask(scorer=ESMM(categorical=("ad_id",), numeric=()), task=ESMM.tasks[1])
    with pytest.raises(InputError, match=f"task '{ESMM.tasks[1]}' has no served form"):
        compile_scorer(scorer)
