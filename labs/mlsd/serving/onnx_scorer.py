"""A fitted student as ONNX Runtime executes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np

from mlsd.models import StudentPerceptron
from mlsd.models.base import Columns
from mlsd.models.scorer import row_count
from mlsd.serving.onnx_session import open_session


class OnnxScorer:
    """Predicts with an exported network, on one thread; encodes ids and numbers as the student did.

    One thread, because a hundred rows are too few to share: a service answers several requests at
    once instead. Copies share the session, which nothing changes.

    Parameters
    ----------
    student : StudentPerceptron
        Fitted; its encoders are used.
    path : path
        A network written by `export_onnx`, or made smaller from one.

    Raises
    ------
    InputError
        If the file is missing or is not a model.

    Examples
    --------
    >>> import tempfile
    >>> from mlsd.serving import export_onnx
    >>> X = {"a": np.arange(200) % 2}
    >>> student = StudentPerceptron(categorical=("a",), epochs=1).fit(X, X["a"])
    >>> path = export_onnx(student, Path(tempfile.mkdtemp()) / "student.onnx")
    >>> gap = OnnxScorer(student, path).predict_proba(X) - student.predict_proba(X)
    >>> bool(np.abs(gap).max() < 1e-4)
    True
    """

    def __init__(self, student: StudentPerceptron, path: Path | str) -> None:
        self.student = student
        self.path = Path(path)
        self._session = open_session(self.path)

    def predict_proba(self, X: Columns) -> np.ndarray:
        """Return the probabilities of 0 and of 1, shape (n, 2)."""
        if row_count(X) == 0:
            return np.zeros((0, 2))
        scores = self.scores(*self.student.inputs(X)).astype(np.float64)
        probability = 1.0 / (1.0 + np.exp(-scores))
        return np.column_stack([1.0 - probability, probability])

    def scores(self, codes: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Return the graph's output before the sigmoid, shape (n,), for encoded inputs.

        Parameters
        ----------
        codes : ndarray of int64, shape (n, fields)
        numbers : ndarray of float32, shape (n, width)
        """
        (scores,) = self._session.run(None, {"codes": codes, "numbers": numbers})
        return scores

    @property
    def kilobytes(self) -> float:
        """Size of the file in kB, 1,000 bytes each."""
        return self.path.stat().st_size / 1_000

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return the scorer itself."""
        return self
