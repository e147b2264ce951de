"""Gates on the language: words that are not used, formulas, and text that renders wrongly."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlsd.course.document import Document, Problem
from mlsd.course.reading import read_aloud, without_citations, without_code

_COUNTED = (
    "ad|bin|bucket|campaign|candidate|cell|click|column|core|feature|field|id|impression|item|key"
    "|line|machine|market|model|query|request|row|seed|series|slot|step|tick|user|world"
)
_MODELS = r"linear|trees|boosted|embeddings|counters|ids|log-odds|rates|deep"
# What is not written, and what to write: a pattern that ordinary sentences do not meet.
NOT_USED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), advice)
    for pattern, advice in (
        (r"\bluck(?:y|ier|ily)?\b", "noise, chance, sampling error or common random numbers"),
        (r"\bdear(?:er|est|ly)?\b", "expensive"),
        (r"\b(?:settled|chose) nothing\b", "not used for tuning"),
        (
            r"\b(?:holds?|held|holding) (?:zero|0)\b",
            "contains zero, or is not distinguishable from zero",
        ),
        (r"\bshall\b", "will, should or must"),
        (r"\bin the house\b", "in this course, or what it is"),
        (r"\bby a hair\b", "barely, or the number"),
        (r"\bfore(?:tells?|told|telling)\b", "predict"),
        (r"\blessen(?:s|ed|ing)?\b", "reduce"),
        (r"\bmend(?:s|ed|ing)?\b", "fix, correct or repair"),
        (r"\banew\b", "again, or from scratch"),
        (r"\bhow to read it\s*\**\s*:", "a sentence that says what one point means"),
        (
            r"\b(?:trees|counters|rates|log-odds|weights|ids|embeddings)\s+for\s+(?:the\s+)?"
            rf"(?:{_MODELS})\b",
            "in place of, instead of or replaced by",
        ),
        (
            r"\bthe\s+line(?:'s weights|\s+(?:that\s+knows|learns|beats|loses|wins|stays|is fitted"
            r"|on\s+(?:the|rows|columns|counters)))|\btrees\s+and\s+(?:the\s+)?line\b",
            "the linear model",
        ),
        (
            r"\b(?:one|two|three|four|five|six|ten|twenty|hundred|thousand|million|\d[\d,.]*)\s+"
            r"(?!(?:and|as|at|by|for|from|gives?|has|in|into|is|of|on|or|than|that|to|until|was"
            r"|where|which|with)\b)[a-z-]+(?:\s+[a-z-]+s)?"
            rf"\s+an?\s+(?:{_COUNTED})\b(?!\s+(?:is|are|was|has|that|which|can|may|does)\b)",
            "per, as in 'one bar per slot'",
        ),
    )
)
# Each stands for mathematics where it is not inside `$...$` or backticks.
_FORMULAS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), advice)
    for pattern, advice in (
        (r"[√²³⁰¹⁴-⁹⁺⁻₀-₉∑∏∫∂∞∈∝≤≥≈≠≪≫]", "`$...$`"),
        (r"(?!μs\b)[α-ωΑ-Ω]", "`$...$`"),
        (r"[\w)] ?[×·] ?[\w(]|\d×", "`$...$`, or in words, as in 'twice'"),
        # k / s, w = 0.01, 1 - p, p (1 - p): letters alone, and never the article.
        (r"(?<![\w.'’/-])(?!a\b)[A-Za-z](?: ?[=<>+^] ?| [*/−] )[\w(.]", "`$...$`"),
        (r"[\d)] ?(?:[=<>+^−/]|[*-](?= )) ?(?![ad]\b)[b-z](?![\w'’.])", "`$...$`"),
        (r"(?<![\w-])(?!a\b)[a-z] ?\(\d ?[-−] ?[a-z]\)", "`$...$`"),
    )
)
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
# What ends a paragraph without a blank line: of numbered lists only the first item.
_BREAKS = (
    (
        re.compile(r"^ {0,3}1[.)]\s"),
        "begins a line with 1 and a full stop, so it is a list",
    ),
    (re.compile(r"^ {0,3}(?:=+|-+)\s*$"), "turns the line above into a heading"),
    (re.compile(r"^ {0,3}>"), "begins a line with '>', so it is a quotation"),
)


def plain_words(document: Document) -> list[Problem]:
    """Check that no text of a notebook or of its header uses a word that this course does not."""
    problems = []
    for position, text in _texts(document):
        for pattern, advice in NOT_USED:
            for found in pattern.finditer(text):
                said = " ".join(found.group(0).split())
                problems.append(document.problem(f"{said!r}: write {advice}", position))
    return problems


def formulas_in_latex(document: Document) -> list[Problem]:
    """Check that markdown holds formulas as LaTeX, and no mathematics in Unicode letters."""
    problems = []
    for position, cell in enumerate(document.source.cells):
        if cell.cell_type != "markdown":
            continue
        text = without_code(without_citations(cell.source), formulas=True)
        for line in text.splitlines():
            found = next((f for p, _ in _FORMULAS if (f := p.search(line))), None)
            if found:
                around = line[max(found.start() - 15, 0) : found.end() + 15].strip()
                problems.append(
                    document.problem(f"formula {around!r}: write it as LaTeX", position)
                )
    return problems


def renders_as_written(document: Document) -> list[Problem]:
    """Check for text that Markdown makes something else of: lists, headings, open emphasis."""
    problems = []
    for position, cell in enumerate(document.source.cells):
        if cell.cell_type == "markdown":
            found = [*_broken_lines(cell.source), *_left_open(cell.source)]
            problems += [document.problem(message, position) for message in found]
    return problems


def _texts(document: Document) -> Iterator[tuple[int | None, str]]:
    front = document.front
    sections = (section.name for section in front.sections)
    header = (front.title, front.builds, front.discussion, *sections, *front.wrong_answers)
    for text in (*header, *front.introduces.values()):
        yield None, text
    for position, cell in enumerate(document.source.cells):
        for text in read_aloud(cell):
            yield position, text


def _broken_lines(text: str) -> Iterator[str]:
    paragraph = False
    for line in without_code(text, formulas=True).splitlines():
        if paragraph:
            for pattern, what in _BREAKS:
                if pattern.match(line):
                    yield f"{line.strip()[:40]!r} {what}; wrap the paragraph in another place"
        starts = not line.strip() or line.lstrip()[:1] in ("#", "|", "<", ">") or _ITEM.match(line)
        goes_on = line[:1].isspace() and not paragraph
        paragraph = not starts and not goes_on


def _left_open(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", without_code(text, formulas=True)):
        for item in re.split(r"\n(?=\s*[-*+]\s)", block):
            for mark, what in (("**", "bold"), ("$", "a formula")):
                count = len(re.findall(rf"(?<!\\){re.escape(mark)}", item))
                if count % 2:
                    yield f"{what} is left open: {mark!r} stands {count} times in {item[:40]!r}"
