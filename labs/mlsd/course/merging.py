"""Take edited cells into a percent-format source whose other cells stay as they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import SequenceMatcher

import jupytext
from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_notebook

FORMAT = "py:percent"
# What a cell may say about itself; everything else in its metadata is derived or of the machine.
_CELL_KEYS = ("tags", "exercise", "points")
_HEADER = re.compile(r"\A# ---\n(?:#.*\n)*?# ---\n")
_CELL_START = re.compile(r"^(?=# %%(?:\s|$))", re.MULTILINE)


def lasting_metadata(cell: NotebookNode) -> NotebookNode:
    """Return what a source says of a cell: its tags, and what an exercise is called and worth."""
    return from_dict({key: cell.metadata[key] for key in _CELL_KEYS if cell.metadata.get(key)})


def has_header(source: str) -> bool:
    """Return whether a source begins with its YAML header.

    Examples
    --------
    >>> has_header("# ---\\n# title: x\\n# ---\\n"), has_header("<<<<<<< HEAD\\n# ---\\n# ---\\n")
    (True, False)
    """
    return bool(_HEADER.match(source))


def merge_cells(source: str, cells: Sequence[NotebookNode]) -> str:
    """Return `source` with `cells` in the place of its own.

    Parameters
    ----------
    source : str
        Percent-format text. Its header stays.
    cells : sequence of NotebookNode
        As in the notebook. The text of a cell that the source has already is kept to the letter,
        with the blank lines around it.

    Examples
    --------
    >>> text = "# %%\\nx = 1\\n\\n\\n# %%\\ny = 2\\n"
    >>> cells = jupytext.reads(text, fmt=FORMAT).cells
    >>> merge_cells(text, cells) == text
    True
    >>> cells[1].source = "y = 3"
    >>> merge_cells(text, cells)
    '# %%\\nx = 1\\n\\n\\n# %%\\ny = 3\\n'
    """
    header = _HEADER.match(source)
    start = header.end() if header else 0
    texts = _CELL_START.split(source[start:])
    preamble, texts = texts[0], texts[1:]
    old = jupytext.reads(source, fmt=FORMAT).cells
    if len(old) != len(texts):  # text before the first cell is one too, or a string holds a marker
        return source[:start] + "\n" + "\n".join(map(_rendered, cells)).lstrip("\n")
    merged = [preamble]
    matcher = SequenceMatcher(None, [*map(_key, old)], [*map(_key, cells)], autojunk=False)
    for kind, first, last, new_first, new_last in matcher.get_opcodes():
        if kind == "equal":
            merged += [_apart(text) for text in texts[first:last]]
        else:
            merged += [_rendered(cell) + "\n" for cell in cells[new_first:new_last]]
    return source[:start] + "".join(merged).rstrip("\n") + "\n"


def _key(cell: NotebookNode) -> str:
    return json.dumps([cell.cell_type, cell.source, lasting_metadata(cell)], sort_keys=True)


def _apart(text: str) -> str:
    """Return the text of a cell, which may have been the last one, ready for another after it."""
    return text if text.endswith("\n\n") else text.rstrip("\n") + "\n\n"


def _rendered(cell: NotebookNode) -> str:
    cell = from_dict({**cell, "metadata": lasting_metadata(cell)})
    text = jupytext.writes(new_notebook(cells=[cell]), fmt=FORMAT)
    return _HEADER.sub("", text).strip("\n") + "\n"
