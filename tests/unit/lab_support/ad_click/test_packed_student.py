import numpy as np
import pandas as pd
import pytest

from mlsd.checks.ad_click import lab_60_student
from mlsd.lab_support.ad_click import packed_student
from mlsd.lab_support.ad_click.packed_student import (
    Packed,
    PackedStudent,
    artifact_bytes,
    deployed_value,
    weights_of,
)
from mlsd.lab_support.deployed import market_seeds
from mlsd.models import StudentPerceptron
from mlsd.runtime import InputError


@pytest.fixture(scope="module")
def fitted():
    generator = np.random.default_rng(5)
    X = pd.DataFrame({"place": generator.integers(0, 6, 400), "price": generator.random(400)})
    y = (generator.random(400) < 0.1 + 0.12 * X["place"]).astype(int)
    student = StudentPerceptron(
        categorical=("place",), numeric=("price",), hidden=(8, 4), epochs=8, random_state=0
    )
    return student.fit(X, y), X


def packed(matrix, bits):
    largest = 2 ** (bits - 1) - 1
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / largest
    return Packed(np.round(matrix / scale[:, None]).astype(np.int8), scale.astype(np.float32), bits)


def test_float_weights_predict_what_the_student_predicts(fitted):
    student, X = fitted
    served = PackedStudent(student, weights_of(student)).predict_proba(X)
    np.testing.assert_allclose(served, student.predict_proba(X), rtol=1e-5)


def test_codes_of_eight_bits_predict_the_same_within_their_rounding(fitted):
    student, X = fitted
    weights = {
        name: packed(value, bits=8) if value.ndim == 2 else value
        for name, value in weights_of(student).items()
    }
    served = PackedStudent(student, weights).predict_proba(X)
    np.testing.assert_allclose(served, student.predict_proba(X), atol=0.02)
    assert artifact_bytes(weights) < artifact_bytes(weights_of(student)) / 2


def test_each_row_has_its_own_scale(fitted):
    student, _ = fitted
    codes = np.array([[2, -4], [1, 3]], np.int8)
    weights = {
        "embedding.table": np.zeros((1, 1)),
        "perceptron.0.weight": Packed(codes, np.array([0.5, 10.0], np.float32), 8),
        "perceptron.0.bias": np.array([0.0, 1.0]),
        "out.weight": np.array([[1.0, 1.0]]),
        "out.bias": np.array([0.25]),
    }
    # Hidden units max(0, 1 * 3 - 2 * 1) and max(0, 10 * 3 + 30 * 1 + 1).
    scores = PackedStudent(student, weights).scores(np.array([[3.0, 1.0]], np.float32))
    assert scores == pytest.approx([1 + 61 + 0.25])


def test_bytes_are_packed_within_rows_and_codes_have_to_fit():
    scale = np.ones(2, np.float32)
    codes = np.array([[7, -7, 1], [0, 1, 2]], np.int8)
    # Three codes of four bits take two bytes a row, and each row a scale of four.
    assert artifact_bytes({"a": Packed(codes, scale, 4), "b": np.zeros(5, np.float32)}) == 12 + 20
    with pytest.raises(InputError, match="does not fit into 3 bits"):
        artifact_bytes({"a": Packed(codes, scale, 3)})
    with pytest.raises(InputError, match="scales for 2 rows"):
        artifact_bytes({"a": Packed(codes, scale[:1], 4)})


def test_an_artifact_of_one_byte_too_many_keeps_nothing(monkeypatch):
    budget = packed_student.BYTE_BUDGET
    sizes = {"right": budget, "wrong": budget + 1}

    def artifact(seed, make_student):
        return None, {"w": np.zeros(sizes[make_student(None, None, None)], np.int8)}

    monkeypatch.setattr(packed_student, "artifact", artifact)
    monkeypatch.setattr(packed_student, "PackedStudent", lambda student, weights: "packed")
    monkeypatch.setattr(packed_student, "entropy_excess", lambda seed, make_student: 0.0)
    monkeypatch.setattr(packed_student, "_gain", lambda seed, scorer: 3.0)
    monkeypatch.setattr(packed_student, "_reference_gain", lambda seed: 4.0)
    assert deployed_value(9, lambda *given: "right") == 75.0
    assert deployed_value(9, lambda *given: "wrong") == 0.0


@pytest.mark.parametrize(("excess", "kept"), [(0.01, 75.0), (0.011, 0.0), (np.nan, 0.0)])
def test_an_artifact_that_the_gate_refuses_keeps_nothing(monkeypatch, excess, kept):
    monkeypatch.setattr(packed_student, "artifact", lambda seed, make_student: (None, {}))
    monkeypatch.setattr(packed_student, "PackedStudent", lambda student, weights: "packed")
    monkeypatch.setattr(packed_student, "entropy_excess", lambda seed, make_student: excess)
    monkeypatch.setattr(packed_student, "_gain", lambda seed, scorer: 3.0)
    monkeypatch.setattr(packed_student, "_reference_gain", lambda seed: 4.0)
    assert deployed_value(9, lambda *given: "any") == kept


def test_the_gate_reads_the_mean_of_the_markets(monkeypatch):
    class Found:
        def __init__(self, seed):
            self.first = seed == market_seeds(9, 3)[0]

        def entropy(self, scorer):
            return 0.9 + 0.06 * (self.first and scorer == "packed")

    monkeypatch.setattr(packed_student, "market", Found)
    monkeypatch.setattr(packed_student, "artifact", lambda seed, make_student: (None, {}))
    monkeypatch.setattr(packed_student, "PackedStudent", lambda student, weights: "packed")
    monkeypatch.setattr(packed_student, "uncompressed", lambda seed: "uncompressed")
    assert packed_student.entropy_excess(9, None) == pytest.approx(0.02)


def test_the_check_says_that_the_gate_refused(monkeypatch):
    monkeypatch.setattr(lab_60_student, "_within_budget", lambda answer: "")
    monkeypatch.setattr(lab_60_student, "entropy_excess", lambda seed, make_student: 0.2)
    said = lab_60_student.check_make_student(lambda *given: None).sentence
    assert "0.200 above" in said
    assert "not deployed" in said


@pytest.mark.parametrize(("kept", "wanted"), [(80.0, "passed"), (70.0, "entropy")])
def test_the_check_says_what_each_market_kept(monkeypatch, kept, wanted):
    monkeypatch.setattr(lab_60_student, "_within_budget", lambda answer: "")
    monkeypatch.setattr(lab_60_student, "_past_gate", lambda answer: "")
    values = {lab_60_student.fallback_alone: 0.0}
    monkeypatch.setattr(lab_60_student, "deployed_value", lambda seed, make: values.get(make, kept))
    gains = ((0.2, 0.4), (0.3, 0.3))
    monkeypatch.setattr(lab_60_student, "gains_by_market", lambda seed, make: gains)
    said = lab_60_student.check_make_student(lambda *given: None).sentence
    assert "by market 50 to 100" in said
    assert wanted in said


def test_codes_with_fractions_and_odd_bits_are_refused():
    scale = np.ones(1, np.float32)
    with pytest.raises(InputError, match="whole numbers"):
        artifact_bytes({"w": Packed(np.array([[0.3, 0.9]]), scale, 4)})
    for bits in (0, 1, 2.5, 9):
        with pytest.raises(InputError, match="bits per code"):
            artifact_bytes({"w": Packed(np.array([[0, 1]]), scale, bits)})


def test_a_student_cannot_bring_inputs_that_nobody_counts(fitted):
    student, X = fitted

    class Smuggler(StudentPerceptron):
        def inputs(self, X):
            return super().inputs(X.assign(price=9.0))

    other = Smuggler()
    other.__dict__ = student.__dict__
    served = PackedStudent(other, weights_of(student)).predict_proba(X)
    np.testing.assert_allclose(served, student.predict_proba(X), rtol=1e-5)
