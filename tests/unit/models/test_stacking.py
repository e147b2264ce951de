import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from mlsd.metrics import log_loss
from mlsd.models import GlobalRate, LightGBMScorer, SmoothedRate, StackedEnsemble
from mlsd.models.scorer import ColumnScorer
from mlsd.runtime import InputError


class Told(ColumnScorer):
    """Says what a column says; keeps what it was fitted on."""

    def __init__(self, *, column="a", random_state=0):
        self.column = column
        self.random_state = random_state

    def _columns(self):
        return (self.column, "row")

    def _learn(self, columns, y, weights, valid):
        self.rows_, self.weights_, self.valid_ = columns["row"], weights, valid

    def _probability(self, columns, rows):
        return columns[self.column]


def planted(rows=5_000, seed=0):
    """Two independent views of one score, and one of noise."""
    rng = np.random.default_rng(seed)
    a, b, noise = rng.normal(size=(3, rows))
    y = (rng.random(rows) < expit(0.8 * a + 0.4 * b)).astype(int)
    views = {"a": expit(a), "b": expit(b), "noise": expit(noise)}
    return {**views, "row": np.arange(rows)}, y


def told(*names):
    return {name: Told(column=name) for name in names}


@pytest.fixture(scope="module")
def log():
    return planted()


def test_finds_the_planted_weights():
    X, y = planted(60_000)
    bases = told("a", "b", "noise")
    model = StackedEnsemble(scorers=bases, combine="logistic", penalty=0.0).fit(X, y)
    assert model.weights_ == pytest.approx({"a": 0.8, "b": 0.4, "noise": 0.0}, abs=0.06)
    assert model.intercept_ == pytest.approx(0, abs=0.06)
    assert min(model.weights_.values()) >= 0


def test_equals_scikit_learn_on_the_block_where_no_weight_is_bounded(log):
    X, y = log
    settings = {"combine": "logistic", "penalty": 0.0, "blend_share": 0.3}
    model = StackedEnsemble(scorers=told("a", "b"), **settings).fit(X, y)
    block = slice(3_500, None)
    logits = np.column_stack([logit(X[name][block]) for name in ("a", "b")])
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(logits, y[block])
    assert list(model.weights_.values()) == pytest.approx(reference.coef_[0].tolist(), abs=2e-3)
    assert model.intercept_ == pytest.approx(reference.intercept_[0], abs=2e-3)


def test_convex_weights_are_the_best_of_a_grid(log):
    X, y = log
    model = StackedEnsemble(scorers=told("a", "b"), penalty=0.0, blend_share=0.3).fit(X, y)
    a, b = (logit(X[name][3_500:]) for name in ("a", "b"))
    losses = {w: log_loss(y[3_500:], expit(w * a + (1 - w) * b)) for w in np.linspace(0, 1, 101)}
    assert model.weights_["a"] == pytest.approx(min(losses, key=losses.get), abs=0.03)
    assert sum(model.weights_.values()) == pytest.approx(1)
    assert model.intercept_ == 0


def test_a_passing_level_of_the_block_stays_out_of_convex_weights():
    X, y = planted(40_000)
    late = np.arange(40_000) >= 32_000
    y = np.where(late & (np.random.default_rng(1).random(40_000) < 0.5), 0, y)
    convex, logistic = (
        StackedEnsemble(scorers=told("a", "b"), combine=c).fit(X, y) for c in ("convex", "logistic")
    )
    fresh, outcome = planted(20_000, seed=5)
    told_rate = convex.predict_proba(fresh)[:, 1].mean()
    assert told_rate == pytest.approx(outcome.mean(), abs=0.02)
    assert logistic.predict_proba(fresh)[:, 1].mean() < outcome.mean() - 0.15


def test_combines_better_than_its_best_base(log):
    X, y = log
    fresh, outcome = planted(5_000, seed=9)
    model = StackedEnsemble(scorers=told("a", "b", "noise")).fit(X, y)
    best = min(log_loss(outcome, fresh[name]) for name in ("a", "b", "noise"))
    assert log_loss(outcome, model.predict_proba(fresh)[:, 1]) < best - 0.005


def test_a_strong_penalty_leaves_the_average(log):
    X, y = log
    strong = StackedEnsemble(scorers=told("a", "b"), penalty=1e9).fit(X, y)
    average = StackedEnsemble(scorers=told("a", "b"), combine="average").fit(X, y)
    expected = expit((logit(X["a"]) + logit(X["b"])) / 2)
    np.testing.assert_allclose(average.predict_proba(X)[:, 1], expected)
    np.testing.assert_allclose(strong.predict_proba(X)[:, 1], expected, atol=1e-5)


def recorded(**settings):
    seen = []

    class Recording(Told):
        def _learn(self, columns, y, weights, valid):
            super()._learn(columns, y, weights, valid)
            seen.append(self)

    model = StackedEnsemble(scorers={"a": Recording()}, **settings)
    return model, seen


def test_weights_come_from_rows_that_the_bases_have_not_seen(log):
    X, y = log
    model, seen = recorded(blend_share=0.2)
    model.fit(X, y)
    np.testing.assert_array_equal(seen[0].rows_, X["row"][:4_000])
    np.testing.assert_array_equal(seen[1].rows_, X["row"])
    assert model.fitted_["a"] == seen[1:]


def test_without_refit_the_early_bases_stay(log):
    X, y = log
    model, seen = recorded(refit=False)
    model.fit(X, y)
    assert len(seen) == 1
    assert model.fitted_["a"] == seen


def test_validation_rows_reach_the_bases_and_change_no_weight(log):
    X, y = log
    held = planted(500, seed=3)
    model, seen = recorded()
    model.fit(X, y, valid=held)
    assert all(len(base.valid_[1]) == 500 for base in seen)
    flipped = StackedEnsemble(scorers=told("a", "b")).fit(X, y, valid=(held[0], 1 - held[1]))
    assert flipped.weights_ == StackedEnsemble(scorers=told("a", "b")).fit(X, y).weights_


def test_row_weights_reach_bases_and_combination(log):
    X, y = log
    weights = np.where(y == 1, 3.0, 1.0)
    model, seen = recorded(combine="logistic")
    model.fit(X, y, sample_weight=weights)
    np.testing.assert_array_equal(seen[0].weights_, weights[:4_000])
    np.testing.assert_array_equal(seen[1].weights_, weights)
    assert model.intercept_ > 0.5


def test_a_block_of_one_class_leaves_the_average(log):
    X, y = log
    clicked = np.r_[y[:4_000], np.zeros(1_000, dtype=int)]
    model = StackedEnsemble(scorers=told("a", "b")).fit(X, clicked)
    assert model.weights_ == {"a": 0.5, "b": 0.5}


def test_seeds_average_fits_of_different_random_states(log):
    X, y = log
    trees = LightGBMScorer(numeric=("a",), n_estimators=10, random_state=5)
    model = StackedEnsemble(scorers={"trees": trees}, combine="average", seeds=3).fit(X, y)
    fits = [clone(trees) for _ in range(3)]
    for index, fit in enumerate(fits):
        fit.random_state = 5 + index
    logits = np.mean([logit(fit.fit(X, y).predict_proba(X)[:, 1]) for fit in fits], axis=0)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(logits))


def test_random_state_replaces_the_bases_own_without_overlap():
    bases = {"told": Told(random_state=40), "rate": GlobalRate()}
    states = []
    for random_state in (0, 1):
        model = StackedEnsemble(scorers=bases, seeds=2, random_state=random_state).fit(*planted(50))
        states += [base.random_state for base in model.fitted_["told"]]
        assert len(model.fitted_["rate"]) == 1
    assert states == [0, 1, 2, 3]


def test_the_given_scorers_stay_unfitted_and_a_clone_is_fresh(log):
    X, y = log
    rate = SmoothedRate(levels=(("row",),))
    model = StackedEnsemble(scorers={"rate": rate, "global": GlobalRate()}).fit(X, y)
    assert not hasattr(rate, "rate_")
    copy = clone(model)
    assert not hasattr(copy, "fitted_")
    assert repr(copy) == repr(model)


def test_certain_bases_do_not_break_it(log):
    X, y = log
    sure = {**X, "a": np.where(y == 1, 1.0, 0.0)}
    model = StackedEnsemble(scorers=told("a", "b")).fit(sure, y)
    assert np.isfinite(model.predict_proba(sure)).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scorers": None}, "scorers is None; give a mapping"),
        ({"scorers": {}}, "scorers is {}; give a mapping"),
        ({"combine": "vote"}, "combine is 'vote'; choose"),
        ({"blend_share": 1.0}, "blend_share is 1.0"),
        ({"penalty": -1.0}, "penalty is -1.0"),
        ({"seeds": 0}, "seeds is 0"),
    ],
)
def test_bad_settings_are_named(log, settings, message):
    with pytest.raises(InputError, match=message):
        StackedEnsemble(**{"scorers": told("a"), **settings}).fit(*log)
