"""A fitted student made portable and small: ONNX, eight-bit weights, weights set to zero."""

from __future__ import annotations

import copy
import logging
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from mlsd.models import StudentPerceptron
from mlsd.runtime import InputError, atomic_path


def export_onnx(student: StudentPerceptron, path: Path | str) -> Path:
    """Write a fitted student's network as ONNX, for any number of rows.

    Its inputs are `codes` (int64, shape (rows, fields)) and `numbers` (float32), its output is
    `scores`, before the sigmoid; encoders stay outside.

    Raises
    ------
    InputError
        If the student is not fitted.

    Examples
    --------
    >>> export_onnx(StudentPerceptron(), "student.onnx")
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: StudentPerceptron is not fitted; call fit or distil first
    """
    _require_fitted(student)
    codes, numbers = _example_inputs(student)
    return export_network(student.network_, {"codes": codes, "numbers": numbers}, path)


def export_network(
    network: nn.Module, example: Mapping[str, torch.Tensor], path: Path | str
) -> Path:
    """Write a network as ONNX, for any number of rows; its output is called `scores`.

    All axes of an input but its last can be of any length, the rows' axis of one with two.

    Parameters
    ----------
    network : nn.Module
        As it stands: in training mode it keeps its dropout.
    example : mapping of str to Tensor
        Its inputs by name, in their order, two or more in each direction: the exporter takes a
        length of one for a constant.
    path : path
    """
    size = torch.export.Dim.DYNAMIC
    # The exporter reports operators of packages that are not installed, which help nobody here.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings(), atomic_path(path) as target:
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            tuple(example.values()),
            dynamo=True,
            input_names=list(example),
            output_names=["scores"],
            dynamic_shapes=tuple(
                dict.fromkeys(range(max(1, each.dim() - 1)), size) for each in example.values()
            ),
            verbose=False,
        )
        program.save(target)
    return Path(path)


def quantize_int8(source: Path | str, path: Path | str) -> Path:
    """Write an ONNX network with eight-bit weights and embeddings.

    Weights are scaled and rounded to integers of eight bits once; inputs of the layers as they come
    (*dynamic* quantisation), so that no calibration data is needed.

    Parameters
    ----------
    source, path : path
        The network to read, the one to write.

    Raises
    ------
    InputError
        If `source` is not there.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = Path(source)
    if not source.is_file():
        raise InputError(f"{source}: there is no such file; write one with export_onnx")
    with tempfile.TemporaryDirectory() as folder, atomic_path(path) as target:
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(source, ready)
        _quietly(quantize_dynamic, ready, target, weight_type=QuantType.QInt8)
    return Path(path)


def prune_by_magnitude(student: StudentPerceptron, share: float) -> StudentPerceptron:
    """Return a copy whose smallest weights are zero.

    Parameters
    ----------
    student : StudentPerceptron
        Fitted; not changed.
    share : float
        Of the weights of all linear layers together, biases and embeddings apart.

    Raises
    ------
    InputError
        If the student is not fitted, or `share` is outside [0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> X = {"a": np.arange(200) % 2}
    >>> student = StudentPerceptron(categorical=("a",), epochs=1).fit(X, X["a"])
    >>> pruned = prune_by_magnitude(student, 0.5)
    >>> weights = [m.weight for m in pruned.network_.modules() if isinstance(m, torch.nn.Linear)]
    >>> zeros = sum(int((w == 0).sum()) for w in weights)
    >>> round(zeros / sum(w.numel() for w in weights), 2)
    0.5
    """
    _require_fitted(student)
    if not 0 <= share < 1:
        raise InputError(f"share is {share!r}; give a share from 0 to below 1")
    pruned = copy.deepcopy(student)
    weights = [m.weight.data for m in pruned.network_.modules() if isinstance(m, nn.Linear)]
    sizes = torch.cat([weight.abs().flatten() for weight in weights])
    count = int(share * len(sizes))
    if count:
        threshold = sizes.kthvalue(count).values
        for weight in weights:
            weight[weight.abs() <= threshold] = 0.0
    return pruned


def _example_inputs(student: StudentPerceptron) -> tuple[torch.Tensor, torch.Tensor]:
    fields, width = len(student.vocabulary_.sizes_), student.scale_.size_ if student.scale_ else 0
    return torch.zeros(2, fields, dtype=torch.int64), torch.zeros(2, width)


def _require_fitted(student: StudentPerceptron) -> None:
    if not hasattr(student, "network_"):
        raise InputError("StudentPerceptron is not fitted; call fit or distil first")


def _quietly(function, *arguments, **options) -> None:
    """Call a function that writes hints to the root logger."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        function(*arguments, **options)
    finally:
        root.setLevel(level)
