"""Measures of code and prose, on cases that can be counted by hand."""

from nbformat import v4

from mlsd.course.code import definitions, longest_run
from mlsd.course.measures import CHAPTER_RANGES, LAB_RANGES, NO_GATE, Measure
from mlsd.course.prose import headings, points_made, section_text, sentence_words, words


def notebook(*markdown):
    return v4.new_notebook(cells=[v4.new_markdown_cell(text) for text in markdown])


def test_words_leave_out_code_tags_and_addresses():
    text = "One *two* `three` [four](http://x.y/z)\n\n```python\nignored = 1\n```\n<b>five</b>"
    assert words(text) == 5
    assert words("") == 0


def test_headings_in_code_blocks_are_none():
    found = headings(notebook("# Title\n\n```\n# comment\n```", "## Data ##\ntext"))
    assert [(h.level, h.text, h.position) for h in found] == [(1, "Title", 0), (2, "Data", 1)]


def test_a_section_ends_at_the_next_heading_of_its_level():
    made = notebook("## Data\nfirst", "### Part\nsecond", "## Next\nthird")
    found = headings(made)
    assert section_text(made, found[0]) == "first\n\n### Part\nsecond"
    assert section_text(made, found[2]) == "third"
    inside = notebook("## A\none\n\n## B\ntwo")
    assert [section_text(inside, h) for h in headings(inside)] == ["one", "two"]


def test_points_are_list_items_or_lines():
    assert points_made("1. a\n2. b\n   more\n") == 2
    assert points_made("a\n\nb\nc") == 3


def test_methods_and_inner_functions_are_no_definitions_of_their_own():
    code = "class A:\n    def f(self): ...\n\ndef g():\n    def h(): ...\n"
    made = v4.new_notebook(cells=[v4.new_code_cell(code), v4.new_code_cell("%time\nlambda: 1")])
    assert definitions(made) == 2


def test_longest_run():
    assert longest_run([]) == 0
    assert longest_run([True, True, False, True]) == 2


def test_a_sentence_ends_at_its_mark_an_item_or_a_paragraph():
    text = "## A heading\n\nOne two three? Four\nfive (*six*.) Seven\n\neight\n- nine\n- ten 3\n"
    assert sentence_words(text) == (3 + 3 + 1 + 1 + 1 + 2) / 6
    assert sentence_words("| a | b |\n|---|---|\n| c | d |") == 0


def test_aims_lie_within_gates_and_bounds_are_included():
    for ranges in (CHAPTER_RANGES, LAB_RANGES):
        for aim, gate in ranges.values():
            assert gate[0] <= aim[0] <= aim[1] <= gate[1]
    assert Measure("longest", 25, (0, 20), (0, 25)).passes
    assert not Measure("longest", 26, (0, 20), (0, 25)).passes
    assert not Measure("longest", 21, (0, 20), (0, 25)).aimed


def test_gates_hold_what_a_reader_trips_over_and_nothing_else():
    held = {name: gate[1] for name, (_, gate) in CHAPTER_RANGES.items() if gate != NO_GATE}
    assert held == {
        "code cell lines, longest": 25,
        "code cells in a row": 2,
        "definitions": 5,
        "file kB": 400,
    }
