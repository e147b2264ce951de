"""Notebooks as files: reading, writing, stable identity, and nothing of the machine in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from mlsd.runtime import InputError, atomic_path

RUN_RECORD = "mlsd_run"
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PROGRESS_BAR = re.compile(r"\d+%\|.*\||\d+it \[")


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook.

    Raises
    ------
    InputError
        If there is none, or it is not a notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such notebook") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError):
        raise InputError(f"{path}: is not a notebook; build it from its source again") from None


def render_notebook(notebook: NotebookNode) -> str:
    """Return the text of the file: one-space indent, keys sorted, a newline at the end."""
    plain = json.loads(nbformat.writes(notebook))
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_notebook(notebook: NotebookNode, path: Path) -> bool:
    """Write `notebook` whole or not at all; return whether the file changed."""
    text = render_notebook(notebook)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return True


def set_cell_ids(notebook: NotebookNode) -> None:
    """Give each cell an id made of its content, and its place among cells of equal content.

    An edit changes the id of the edited cell alone, and a conversion changes none.

    Examples
    --------
    >>> cells = [nbformat.v4.new_code_cell("1") for _ in range(2)]
    >>> notebook = nbformat.v4.new_notebook(cells=cells)
    >>> set_cell_ids(notebook)
    >>> [cell.id for cell in notebook.cells]
    ['770959c8cde7', '8ef11669e2e1']
    """
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        content = f"{cell.cell_type}\n{cell.source}"
        cell["id"] = hashlib.sha256(f"{seen[content]}\n{content}".encode()).hexdigest()[:12]
        seen[content] += 1


def code_fingerprint(notebook: NotebookNode) -> str:
    """Return a hash of the sources of all code cells, in order.

    Stored with the outputs when a notebook is run, it tells later whether they are still those of
    the code. Prose may change without a new run.
    """
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def cell_tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def clear_outputs(notebook: NotebookNode) -> None:
    """Remove outputs, execution counts and the record of the run, in place."""
    notebook.metadata.pop(RUN_RECORD, None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def strip_machine_noise(notebook: NotebookNode) -> None:
    """Remove what differs between machines and says nothing: times, widgets, progress bars."""
    notebook.metadata["kernelspec"] = dict(_KERNEL)
    notebook.metadata["language_info"] = {"name": "python"}
    for key in ("jupytext", "widgets"):
        notebook.metadata.pop(key, None)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        for key in (
            "execution",
            "ExecuteTime",
            "collapsed",
            "scrolled",
            "jp-MarkdownHeadingCollapsed",
        ):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = _lasting_outputs(cell.outputs)


def output_text(output: NotebookNode) -> str:
    """Return the plain text of one output; empty for a bare image."""
    if output.output_type == "stream":
        return _joined(output.text)
    if output.output_type == "error":
        return "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
    texts = [_joined(value) for kind, value in output.data.items() if kind.startswith("text/")]
    return "\n".join(texts)


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)


def _lasting_outputs(outputs: list[NotebookNode]) -> list[NotebookNode]:
    kept: list[NotebookNode] = []
    for output in map(deepcopy, outputs):
        if _is_progress(output):
            continue
        previous = kept[-1] if kept else None
        if output.output_type != "stream" or previous is None:
            kept.append(output)
        elif previous.output_type == "stream" and previous.name == output.name:
            previous.text = _joined(previous.text) + _joined(output.text)
        else:
            kept.append(output)
    return kept


def _is_progress(output: NotebookNode) -> bool:
    if output.output_type in ("display_data", "execute_result"):
        return _WIDGET in output.data
    if output.output_type != "stream" or output.name != "stderr":
        return False
    lines = [line for line in re.split(r"[\r\n]+", _joined(output.text)) if line.strip()]
    return all(_PROGRESS_BAR.search(line) for line in lines)
