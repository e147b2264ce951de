"""What the markdown cells of a notebook say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nbformat import NotebookNode

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"<!--.*?-->|<[^>\n]+>", re.DOTALL)
_LINK = re.compile(r"\]\([^)\n]*\)")
_WORD = re.compile(r"[^\W_](?:[\w'’-]*\w)?")
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$", re.MULTILINE)
_NO_SENTENCE = re.compile(r"^\s*(?:#|\||\$\$)")
_SENTENCE_END = re.compile(r"[.?!:][*_)”\"]*\s+|\n\s*\n")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")


@dataclass(frozen=True)
class Heading:
    """A heading: its level, its text, and the index of its cell."""

    level: int
    text: str
    position: int


def words(text: str) -> int:
    """Return the number of words of a markdown text, without code blocks, tags and addresses.

    Examples
    --------
    >>> words("A [link](https://example.org/a) isn't *long*.")
    4
    """
    return len(_WORD.findall(_prose(text)))


def sentence_words(text: str) -> float:
    """Return the mean number of words of the sentences in running text.

    Headings and tables have none; a list item is one sentence or more.

    Examples
    --------
    >>> sentence_words("# Title\\n\\nOne two three. Four\\nfive?\\n\\n- six")
    2.0
    """
    lines = [line for line in _prose(text).splitlines() if not _NO_SENTENCE.match(line)]
    lines = [f"\n\n{line}" if _BULLET.match(line) else line for line in lines]
    counts = [len(_WORD.findall(part)) for part in _SENTENCE_END.split("\n".join(lines))]
    counts = [count for count in counts if count]
    return sum(counts) / len(counts) if counts else 0.0


def markdown_text(notebook: NotebookNode, first: int = 0, last: int | None = None) -> str:
    """Return the markdown of the cells from index `first` up to, not including, `last`."""
    cells = notebook.cells[first:last]
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def headings(notebook: NotebookNode) -> list[Heading]:
    """Return all headings, code blocks left out."""
    return [
        Heading(len(marks), text, position)
        for position, cell in enumerate(notebook.cells)
        if cell.cell_type == "markdown"
        for marks, text in _HEADING.findall(_FENCE.sub("", cell.source))
    ]


def section_text(notebook: NotebookNode, heading: Heading) -> str:
    """Return the markdown under a heading, up to the next one of its level or above."""
    found = headings(notebook)
    after = found[found.index(heading) + 1 :]
    end = next((h for h in after if h.level <= heading.level), None)
    text = markdown_text(notebook, heading.position, end.position + 1 if end else None)
    start = re.search(rf"^#+\s+{re.escape(heading.text)}\s*#*$", text, re.MULTILINE)
    text = text[start.end() :]
    if end:
        stop = re.search(rf"^#+\s+{re.escape(end.text)}\s*#*$", text, re.MULTILINE)
        text = text[: stop.start()]
    return text.strip()


def points_made(text: str) -> int:
    """Return how many lines a reader sees as separate: list items, else lines of text.

    Examples
    --------
    >>> points_made("- one\\n  goes on\\n- two")
    2
    """
    lines = [line for line in text.splitlines() if line.strip()]
    bullets = sum(bool(_BULLET.match(line)) for line in lines)
    return bullets or len(lines)


def _prose(text: str) -> str:
    for pattern, replacement in ((_FENCE, " "), (_TAG, " "), (_LINK, "]")):
        text = pattern.sub(replacement, text)
    return text
