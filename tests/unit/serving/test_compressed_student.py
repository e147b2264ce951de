"""The student that went the whole way: close to its teacher, small, and safe to copy."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from mlsd.metrics import log_loss
from mlsd.models import LightGBMScorer, SmoothedRate, StudentPerceptron
from mlsd.models.base import Scorer
from mlsd.runtime import InputError
from mlsd.serving import CompressedStudent

NAMES = {"categorical": ("ad_id", "device"), "numeric": ("rate",)}


def unfitted(**changes):
    teacher = LightGBMScorer(**NAMES, n_estimators=60)
    student = StudentPerceptron(**NAMES, epochs=2, random_state=1)
    return CompressedStudent(**{"teacher": teacher, "student": student, **changes})


@pytest.fixture(scope="module")
def fitted(data):
    return unfitted().fit(*data[0])


def test_answers_nearly_as_its_teacher_does(fitted, data):
    assert isinstance(fitted, Scorer)
    X, y = data[1]
    teacher = unfitted().teacher.fit(*data[0])
    base = log_loss(y, np.full(len(y), y.mean()))
    losses = [log_loss(y, scorer.predict_proba(X)[:, 1]) for scorer in (teacher, fitted)]
    assert losses[1] < losses[0] + 0.2 * (base - losses[0])


def test_parameters_are_stored_and_the_inner_scorers_stay_unfitted(fitted):
    assert not hasattr(fitted.teacher, "booster_")
    assert not hasattr(fitted.student, "network_")
    assert clone(fitted).get_params().keys() == {"teacher", "student", "pruned_share"}


def test_the_teacher_and_the_network_of_full_precision_are_forgotten(data):
    wide = StudentPerceptron(**NAMES, epochs=1, embedding_dim=64, hidden=(128, 64))
    whole, small = wide.fit(*data[1]), unfitted(student=wide).fit(*data[1])
    weights = sum(each.numel() for each in whole.network_.parameters())
    assert len(small.graph_) < 0.65 * 4 * weights
    assert not hasattr(small.encoders_, "network_")


def test_copies_and_pickles_predict_the_same(fitted, data):
    X = data[1][0]
    expected = fitted.predict_proba(X)
    for twin in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(twin.predict_proba(X), expected)


def test_a_refit_starts_afresh(data):
    X, y = data[1]
    model = unfitted(teacher=SmoothedRate(levels=(("ad_id",),)))
    first = model.fit(X, y).predict_proba(X)
    other = model.fit(X, 1 - y).predict_proba(X)
    assert np.corrcoef(first[:, 1], other[:, 1])[0, 1] < -0.5
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), first)


def test_no_rows_give_no_predictions_and_none_before_the_fit(fitted, data):
    empty = {name: values[:0] for name, values in data[1][0].items()}
    assert fitted.predict_proba(empty).shape == (0, 2)
    with pytest.raises(InputError, match="not fitted"):
        unfitted().predict_proba(data[1][0])


def test_a_share_outside_its_range_is_one_clear_line(data):
    with pytest.raises(InputError, match="share is 1"):
        unfitted(pruned_share=1).fit(*data[1])
