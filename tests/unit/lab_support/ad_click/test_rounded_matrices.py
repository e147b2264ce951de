from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mlsd.lab_support.ad_click.packed_student import weights_of
from mlsd.lab_support.ad_click.rounded_matrices import rounded, rounding_costs
from mlsd.models import StudentPerceptron


@pytest.fixture(scope="module")
def student():
    X = pd.DataFrame({"place": np.arange(300) % 6, "price": np.linspace(0, 1, 300)})
    made = StudentPerceptron(categorical=("place",), numeric=("price",), hidden=(4,), epochs=2)
    return made.fit(X, (X["place"] > 3).astype(int))


def test_each_row_is_rounded_to_its_own_steps_and_the_rest_stays(student):
    served = rounded(student, {"perceptron.0.weight": 4}).weights
    exact = weights_of(student)
    step = np.abs(exact["perceptron.0.weight"]).max(axis=1, keepdims=True) / 7
    off = np.abs(served["perceptron.0.weight"] - exact["perceptron.0.weight"])
    assert off.max() > 0
    assert (off <= step / 2 + 1e-6).all()
    np.testing.assert_array_equal(served["embedding.table"], exact["embedding.table"])


def test_costs_are_those_of_every_second_row_above_float32(student):
    def losses(scorer):
        changed = [n for n, v in weights_of(student).items() if (v != served(scorer)[n]).any()]
        return np.array([0.5, 9.0] * 3) + len(changed) * np.array([0.25, 4.0] * 3)

    def served(scorer):
        return weights_of(student) if scorer is student else scorer.weights

    costs = rounding_costs(SimpleNamespace(losses=losses), student, [8, 2])
    assert list(costs.index) == ["embedding.table", "perceptron.0.weight", "out.weight"]
    assert list(costs.columns) == [8, 2]
    assert (costs == 0.25).all(axis=None)
