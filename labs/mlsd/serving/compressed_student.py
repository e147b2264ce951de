"""A student that went the whole way: distilled, pruned, in eight bits, run by ONNX Runtime."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import clone

from mlsd.models import LightGBMScorer, StudentPerceptron
from mlsd.models.base import Scorer
from mlsd.models.scorer import Arrays, ColumnScorer
from mlsd.serving.compression import export_onnx, prune_by_magnitude, quantize_int8
from mlsd.serving.onnx_session import open_session


class CompressedStudent(ColumnScorer):
    """Fits a teacher, distils it into a small perceptron, and keeps that in eight bits.

    Of the perceptron's weights the smallest are set to zero, then all are stored as integers of
    eight bits; ONNX Runtime answers. The teacher is forgotten after `fit`.

    Parameters
    ----------
    teacher : Scorer, optional
        Unfitted; cloned. It may read no column that the student does not. Boosted trees on the
        student's columns where absent.
    student : StudentPerceptron, optional
        Unfitted; cloned. It names the columns.
    pruned_share : float
        Share of the weights of the perceptron set to zero.

    Attributes
    ----------
    encoders_ : StudentPerceptron
        The student without its network: it turns ids and numbers into the network's inputs.
    graph_ : bytes
        The network as ONNX.

    Notes
    -----
    The student's targets are the teacher's probabilities on the training rows, and none of the
    clicks. Rows in `valid` go to the teacher, which may stop on them; `sample_weight` as well.
    An id unseen in training takes the embedding of its field's unknown id.

    Examples
    --------
    >>> X = {"a": np.arange(2000) % 4}
    >>> model = CompressedStudent(student=StudentPerceptron(categorical=("a",), epochs=30))
    >>> model.fit(X, X["a"] == 0).predict_proba(X)[:4, 1].round()
    array([1., 0., 0., 0.])
    """

    def __init__(
        self,
        *,
        teacher: Scorer | None = None,
        student: StudentPerceptron | None = None,
        pruned_share: float = 0.5,
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.pruned_share = pruned_share

    def _columns(self) -> tuple[str, ...]:
        return () if self.student is None else (*self.student.categorical, *self.student.numeric)

    def _learn(self, columns, y, weights, valid) -> None:
        student = StudentPerceptron() if self.student is None else clone(self.student)
        teacher = self._unfitted_teacher(student)
        teacher.fit(columns, y, valid=valid, sample_weight=weights)
        small = prune_by_magnitude(student.distil(columns, teacher), self.pruned_share)
        with tempfile.TemporaryDirectory() as folder:
            exported = export_onnx(small, Path(folder) / "student.onnx")
            self.graph_ = quantize_int8(exported, Path(folder) / "int8.onnx").read_bytes()
        del small.network_
        self.encoders_ = small
        self._session = None

    def _unfitted_teacher(self, student: StudentPerceptron) -> Scorer:
        if self.teacher is not None:
            return clone(self.teacher)
        return LightGBMScorer(categorical=student.categorical, numeric=student.numeric)

    def _probability(self, columns: Arrays, rows: int) -> np.ndarray:
        if self._session is None:
            self._session = open_session(self.graph_)
        codes, numbers = self.encoders_.inputs(columns)
        (scores,) = self._session.run(None, {"codes": codes, "numbers": numbers})
        return expit(scores.astype(np.float64))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the session out of copies and pickles: it is opened again when it is needed."""
        state = dict(vars(self))
        return {**state, "_session": None} if "_session" in state else state
