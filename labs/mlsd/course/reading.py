"""What a reader of a notebook reads as prose: markdown, comments and labels, without code."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from nbformat import NotebookNode

from mlsd.course.code import parse_cell

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_CODE_SPAN = re.compile(r"(`+).+?\1", re.DOTALL)
_FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\$])\$(?=\S)[^$\n]*(?:\n[^$\n]+)*?(?<=\S)\$", re.DOTALL)
_ADDRESS = re.compile(r"(?<=\])\([^)\n]*\)|https?://\S+|<[^>\n]+>|<!--.*?-->", re.DOTALL)
_READING = re.compile(r"^## [^\n]*further reading.*", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_CITED = re.compile(r"\*[^*]+\*|\"[^\"]+\"|“[^”]+”", re.DOTALL)
# One word as the value of these is read by people; elsewhere a word without a blank is a name.
_LABELS = frozenset({"label", "legend", "suptitle", "title", "unit", "xlabel", "ylabel"})


def without_code(text: str, *, formulas: bool = False) -> str:
    """Return a markdown text of equal length with blanks for code, addresses and, if asked, LaTeX.

    Line ends stay, so that a place in the result is one in the text.

    Examples
    --------
    >>> without_code("see `x²` and $x^2$", formulas=True)
    'see      and      '
    """
    patterns = (_FENCE, _CODE_SPAN, _ADDRESS, *([_FORMULA] if formulas else []))
    for pattern in patterns:
        text = pattern.sub(_blank, text)
    return text


def without_citations(text: str) -> str:
    """Return a markdown text with blanks for the titles that its further reading cites.

    Examples
    --------
    >>> without_citations("## Further reading\\n\\nAda (1843), *Luck*.").split()[-1]
    '.'
    """
    return _READING.sub(lambda found: _CITED.sub(_blank, found.group(0)), text)


def read_aloud(cell: NotebookNode) -> Iterator[str]:
    """Yield each text of a cell that a reader takes for prose.

    Of code these are comments, strings with a blank in them (docstrings, messages, f-strings
    piece by piece) and the words of labels and titles.

    Examples
    --------
    >>> from nbformat.v4 import new_code_cell
    >>> list(read_aloud(new_code_cell('x = luck["day"]  # by chance\\nplot(x, label="rate")')))
    ['by chance', 'rate']
    """
    if cell.cell_type == "markdown":
        yield without_code(without_citations(cell.source), formulas=True)
        return
    if cell.cell_type != "code":
        return
    yield from _comments(cell.source)
    try:
        tree = parse_cell(cell.source)
    except SyntaxError:
        return
    yield from _strings(tree)


def _comments(text: str) -> Iterator[str]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.string.lstrip("# ")
    except (tokenize.TokenError, SyntaxError):
        return


def _strings(tree: ast.AST) -> Iterator[str]:
    labels = {id(word.value) for word in ast.walk(tree) if _is_label(word)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and (id(node) in labels or re.search(r"\S\s+\S", text)):
            yield without_code(text)


def _is_label(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and node.arg in _LABELS


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group(0))
