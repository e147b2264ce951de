"""A network as ONNX Runtime executes it, on one thread."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from mlsd.runtime import InputError


def open_session(graph: Path | bytes) -> onnxruntime.InferenceSession:
    """Return a session on one thread for a network in a file, or in memory.

    Raises
    ------
    InputError
        If the file is missing or is not a model.

    Examples
    --------
    >>> open_session(b"no network")
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: the network in memory: ONNX Runtime cannot load it ...
    """
    if isinstance(graph, Path) and not graph.is_file():
        raise InputError(f"{graph}: there is no such file; write one with export_onnx")
    source = graph.as_posix() if isinstance(graph, Path) else graph
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        name = graph if isinstance(graph, Path) else "the network in memory"
        raise InputError(f"{name}: ONNX Runtime cannot load it ({error})") from error
