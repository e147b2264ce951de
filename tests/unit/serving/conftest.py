"""A student fitted on clicks with a planted structure, and its network as ONNX."""

import numpy as np
import pytest

from mlsd.models import StudentPerceptron
from mlsd.serving import export_onnx

NAMES = {"categorical": ("ad_id", "device"), "numeric": ("rate",)}


def planted(rows, seed):
    generator = np.random.default_rng(seed)
    X = {
        "ad_id": generator.integers(0, 300, rows),
        "device": generator.integers(0, 3, rows),
        "rate": generator.normal(size=rows),
    }
    score = -1.5 + (X["ad_id"] % 3 - 1) + 0.8 * X["rate"]
    return X, (generator.random(rows) < 1 / (1 + np.exp(-score))).astype(np.int8)


@pytest.fixture(scope="session")
def data():
    return planted(20_000, seed=0), planted(5_000, seed=1)


@pytest.fixture(scope="session")
def student(data):
    return StudentPerceptron(**NAMES, epochs=2, random_state=1).fit(*data[0])


@pytest.fixture(scope="session")
def exported(student, tmp_path_factory):
    return export_onnx(student, tmp_path_factory.mktemp("models") / "student.onnx")
