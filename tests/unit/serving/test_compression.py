"""ONNX equals torch; eight bits and zeros cost little."""

import copy

import numpy as np
import pytest
from torch import nn

from mlsd.metrics import auc
from mlsd.models import StudentPerceptron
from mlsd.runtime import InputError
from mlsd.serving import OnnxScorer, export_onnx, prune_by_magnitude, quantize_int8


@pytest.fixture(scope="module")
def int8(student, exported, tmp_path_factory):
    path = quantize_int8(exported, tmp_path_factory.mktemp("models") / "int8.onnx")
    return OnnxScorer(student, path)


@pytest.mark.parametrize("rows", [1, 2, 100, 5_000])
def test_onnx_equals_torch(student, exported, data, rows):
    X = {name: values[:rows] for name, values in data[1][0].items()}
    difference = OnnxScorer(student, exported).predict_proba(X) - student.predict_proba(X)
    assert np.abs(difference).max() < 1e-4


def test_no_rows_give_no_predictions(student, exported, data):
    X = {name: values[:0] for name, values in data[1][0].items()}
    assert OnnxScorer(student, exported).predict_proba(X).shape == (0, 2)


def test_unseen_ids_and_missing_numbers_go_the_same_way(student, exported):
    X = {"ad_id": np.array([10**6]), "device": np.array([-1]), "rate": np.array([np.nan])}
    both = [scorer.predict_proba(X) for scorer in (student, OnnxScorer(student, exported))]
    np.testing.assert_allclose(*both, atol=1e-5)


def test_eight_bits_are_smaller_and_almost_as_good(student, exported, int8, data):
    X, y = data[1]
    full = OnnxScorer(student, exported)
    assert int8.kilobytes < 0.6 * full.kilobytes
    values = [auc(y, scorer.predict_proba(X)[:, 1]) for scorer in (full, int8)]
    assert values[0] > 0.7
    assert values[1] > values[0] - 0.005
    assert not np.array_equal(full.predict_proba(X), int8.predict_proba(X))


def linear_weights(student):
    modules = student.network_.modules()
    return np.concatenate(
        [m.weight.detach().numpy().ravel() for m in modules if isinstance(m, nn.Linear)]
    )


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_pruning_sets_the_smallest_weights_to_zero(student, share):
    before, after = linear_weights(student), linear_weights(prune_by_magnitude(student, share))
    gone = after == 0
    assert gone.mean() == pytest.approx(share, abs=0.001)
    np.testing.assert_array_equal(after[~gone], before[~gone])
    if share:
        assert np.abs(before[gone]).max() <= np.abs(before[~gone]).min()


def test_pruning_leaves_the_student_as_it_was(student, data):
    X, _ = data[1]
    before = student.predict_proba(X)
    assert not np.array_equal(prune_by_magnitude(student, 0.5).predict_proba(X), before)
    np.testing.assert_array_equal(student.predict_proba(X), before)


def test_copies_share_the_session(student, exported):
    scorer = OnnxScorer(student, exported)
    assert copy.deepcopy(scorer) is scorer


def test_bad_input_is_one_clear_line(student, tmp_path):
    nowhere, broken = tmp_path / "nowhere.onnx", tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    cases = {
        "not fitted": lambda: export_onnx(StudentPerceptron(), nowhere),
        "give a share": lambda: prune_by_magnitude(student, 1.0),
        "no such file": lambda: quantize_int8(nowhere, broken),
        "no such file; ": lambda: OnnxScorer(student, nowhere),
        "cannot load it": lambda: OnnxScorer(student, broken),
    }
    for message, call in cases.items():
        with pytest.raises(InputError, match=message):
            call()
