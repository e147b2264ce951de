"""Gates on the frame of a chapter: its parts, in order, and what each has to hold."""

from __future__ import annotations

import re

from nbformat import NotebookNode

from mlsd.course.code import code_cells, code_lines, has_ellipsis, parse_cell
from mlsd.course.document import Document, Problem
from mlsd.course.notebooks import cell_tags, output_text
from mlsd.course.prose import (
    Heading,
    headings,
    markdown_text,
    points_made,
    section_text,
    words,
)

FRAME = (
    ("What decides success", r"success|requirement"),
    ("Data", r"\bdata\b|histor|\blog(s|ged)?\b|\bworld\b"),
    ("Results", r"^results"),
    ("What breaks in production", r"breaks in production"),
    ("In the interview", r"^in the interview"),
    ("Summary", r"^summary"),
    ("Recall", r"^recall"),
    ("Lab and further reading", r"further reading"),
)
OPENING = ("You will build", "You will learn", "You need", "Minutes")
YOUR_TURN_LINES = 8
SUMMARY_LINES, SUMMARY_WORDS = 5, 150
INTERVIEW_QUESTIONS = 3
_FOLDED = re.compile(r"<details>\s*<summary>.+?</summary>(.+?)</details>", re.DOTALL)


def title_stands(document: Document) -> list[Problem]:
    """Check that the first line is the title of the header."""
    first = document.source.cells[0].source.splitlines() if document.source.cells else [""]
    wanted = f"# {document.front.title}"
    if first and first[0].strip() == wanted:
        return []
    return [document.problem(f"starts with another line than {wanted!r}", 0)]


def opening_complete(document: Document) -> list[Problem]:
    """Check that the opening says what the reader builds, learns and needs, and the minutes."""
    sections = _sections(document)
    text = markdown_text(document.source, 0, sections[0].position + 1 if sections else None)
    places = [text.lower().find(f"**{label.lower()}") for label in OPENING]
    problems = [
        document.problem(f"the opening lacks **{label}**", 0)
        for label, place in zip(OPENING, places)
        if place < 0
    ]
    if not problems and places != sorted(places):
        problems.append(document.problem(f"order the opening: {', '.join(OPENING)}", 0))
    stated = re.search(r"\*\*minutes\W*(\d+)", text, re.IGNORECASE)
    if stated and int(stated.group(1)) != document.front.minutes:
        message = f"states {stated.group(1)} minutes; the header adds up to"
        problems.append(document.problem(f"{message} {document.front.minutes}", 0))
    elif not stated and places[-1] >= 0:
        problems.append(document.problem("write the minutes as **Minutes**: 45", 0))
    return problems


def sections_in_order(document: Document) -> list[Problem]:
    """Check that the frame's sections stand in order, with the imports before the data."""
    problems, after = [], -1
    for name, pattern in FRAME:
        found = _find(document, pattern, after)
        if found is None:
            problems.append(document.problem(f"has no section '## {name}' in its place"))
        else:
            after = found.position
    problems += _imports_place(document)
    return problems


def minutes_per_section(document: Document) -> list[Problem]:
    """Check that sections with minutes are headings of the second level, in order."""
    names = [heading.text for heading in _sections(document)]
    problems, place = [], 0
    for section in document.front.sections:
        if section.name not in names[place:]:
            message = f"the header gives minutes to {section.name!r}, which is no '## ' heading"
            problems.append(document.problem(f"{message} or out of order"))
        else:
            place += names[place:].index(section.name) + 1
    if not any(section.stop for section in document.front.sections):
        problems.append(document.problem("the header has no stop point; add `stop: true`"))
    return problems


def results_hold_a_table(document: Document) -> list[Problem]:
    """Check that the results are a table."""
    if document.notebook is None:
        return []
    start = _find_in(document.notebook, dict(FRAME)["Results"])
    end = _find_in(document.notebook, dict(FRAME)["What breaks in production"])
    if start is None or end is None:
        return []
    cells = document.notebook.cells[start.position : end.position + 1]
    texts = [output_text(out) for cell in cells for out in cell.get("outputs", [])]
    texts += [cell.source for cell in cells if cell.cell_type == "markdown"]
    if any("<table" in text or re.search(r"^\|.*\|\s*$", text, re.MULTILINE) for text in texts):
        return []
    return [document.problem("the results hold no table; show a DataFrame", start.position)]


def ending_complete(document: Document) -> list[Problem]:
    """Check the ending: interview, a short summary, three folded answers, reading with sources."""
    patterns = dict(FRAME)
    problems = []
    for name, judge in (
        ("In the interview", _judge_interview),
        ("Summary", _judge_summary),
        ("Recall", _judge_recall),
        ("Lab and further reading", _judge_reading),
    ):
        heading = _find(document, patterns[name])
        message = judge(section_text(document.source, heading)) if heading else ""
        if message:
            problems.append(document.problem(message, heading.position))
    return problems


def reader_takes_part(document: Document) -> list[Problem]:
    """Check that the reader guesses before the results, and writes lines that are checked."""
    results = _find(document, dict(FRAME)["Results"])
    cells = document.source.cells[: results.position if results else None]
    problems = []
    if not any("guess" in cell_tags(cell) for cell in cells):
        message = 'asks for no guess before the results; add a cell with tags=["guess"]'
        problems.append(document.problem(message))
    turns = [
        (place, cell)
        for place, (_, cell) in enumerate(code_cells(document.source))
        if "your-turn" in cell_tags(cell)
    ]
    if not turns:
        problems.append(document.problem('has no cell with tags=["your-turn"]'))
    return problems + [problem for turn in turns for problem in _judge_turn(document, *turn)]


def _sections(document: Document) -> list[Heading]:
    return [heading for heading in headings(document.source) if heading.level == 2]


def _find(document: Document, pattern: str, after: int = -1) -> Heading | None:
    return _find_in(document.source, pattern, after)


def _find_in(notebook: NotebookNode, pattern: str, after: int = -1) -> Heading | None:
    for heading in headings(notebook):
        found = heading.level == 2 and re.search(pattern, heading.text, re.IGNORECASE)
        if heading.position >= after and found:
            return heading
    return None


def _imports_place(document: Document) -> list[Problem]:
    success, data = (_find(document, pattern) for _, pattern in FRAME[:2])
    first = next((position for position, _ in code_cells(document.source)), None)
    if first is None:
        return [document.problem("has no code")]
    if success and data and not success.position < first < data.position:
        message = "the imports stand after what decides success and before the data"
        return [document.problem(message, first)]
    return []


def _judge_interview(text: str) -> str:
    """Count questions that are followed by what each of the three candidates says, in order."""
    marks = re.findall(r"\?|\b(?:mid|senior|staff)\b", text, re.IGNORECASE)
    said = " ".join(mark.lower() for mark in marks)
    count = len(
        re.findall(r"\?(?: \?)* mid(?: [?]| mid)* senior(?: [?]| senior| mid)* staff", said)
    )
    if count >= INTERVIEW_QUESTIONS:
        return ""
    form = "a question, then what a mid-level, a senior and a staff candidate says"
    return f"the interview has {count} answered questions, not {INTERVIEW_QUESTIONS}; write {form}"


def _judge_summary(text: str) -> str:
    if points_made(text) > SUMMARY_LINES:
        return f"the summary has {points_made(text)} lines; at most {SUMMARY_LINES}"
    if words(text) > SUMMARY_WORDS:
        return f"the summary has {words(text)} words; at most {SUMMARY_WORDS}"
    return "" if text else "the summary is empty"


def _judge_recall(text: str) -> str:
    answers = [answer for answer in _FOLDED.findall(text) if answer.strip()]
    if len(answers) == 3:
        return ""
    form = "<details><summary>question</summary>answer</details>"
    return f"recall has {len(answers)} folded answers, not three; write {form}"


def _judge_reading(text: str) -> str:
    if re.search(r"\b(19|20)\d\d\b", text):
        return ""
    return "further reading cites nothing: authors, year, title"


def _judge_turn(document: Document, place: int, cell: object) -> list[Problem]:
    cells = list(code_cells(document.source))
    position = cells[place][0]
    if code_lines(cell.source) > YOUR_TURN_LINES:
        return [document.problem(f"your turn: more than {YOUR_TURN_LINES} lines", position)]
    try:
        stub = has_ellipsis(parse_cell(cell.source))
    except SyntaxError:
        return []
    if not stub:
        return [document.problem("your turn: leave `...` where the reader writes", position)]
    tags = [cell_tags(later) for _, later in cells[place + 1 :]]
    until = next((i for i, found in enumerate(tags) if "your-turn" in found), len(tags))
    if not any("check" in found for found in tags[:until]):
        message = 'your turn: no check follows; tag its cell tags=["check"]'
        return [document.problem(message, position)]
    return []
