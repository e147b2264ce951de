"""Routes, README and teaching plan, on units made by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from nbformat import v4

from mlsd.course import readme
from mlsd.course.document import Course, Document
from mlsd.course.front_matter import FrontMatter, Section
from mlsd.course.guide import teaching_plan
from mlsd.course.layout import make_unit
from mlsd.course.notebooks import RUN_RECORD
from mlsd.course.readme import concepts_block, map_block, render_readme, routes_block
from mlsd.course.routes import a_day, fill_sitting, six_weeks, two_hours
from mlsd.runtime import InputError

ROOT, CASE = Path("project"), "01_ad_click_prediction"


def document(name, minutes, case=CASE, **front):
    sections = (Section("First", minutes // 2, stop=True), Section("Rest", minutes - minutes // 2))
    values = {"title": f"Do {name}", "builds": "it", "sections": sections, **front}
    unit = make_unit(ROOT, case, name)
    return Document(unit, FrontMatter(**values), v4.new_notebook(), None, None)


@pytest.fixture
def course():
    documents = (
        document("01_start", 12, case="00_framework"),
        document("10_ask", 30, case="00_framework"),
        document("10_frame", 60, introduces={"propensity": "chance of being shown"}),
        document(
            "20_baseline",
            80,
            labs=("lab_20_rates",),
            discussion="Why?",
            answer="Since it pays.",
            wrong_answers=("a", "b"),
        ),
        document("lab_20_rates", 40),
        document("30_calibrate", 400, introduces={"Calibration": "promises kept"}),
    )
    return Course(ROOT, documents)


def test_two_hours_are_the_opening_frame_and_baseline_up_to_a_stop_point(course):
    (sitting,) = two_hours(course)
    assert [(p.document.unit.name, p.until) for p in sitting.parts] == [
        ("01_start", ""),
        ("10_frame", ""),
        ("20_baseline", "First"),
    ]
    assert sitting.minutes == 112


def test_a_day_takes_labs_and_ends_where_not_even_a_beginning_fits(course):
    (sitting,) = a_day(course)
    assert [part.minutes for part in sitting.parts] == [12, 60, 80, 40]


def test_six_weeks_hold_everything_once_in_order(course):
    parts = [part for sitting in six_weeks(course) for part in sitting.parts]
    assert [part.document for part in parts] == list(course.documents)
    assert sum(sitting.minutes for sitting in six_weeks(course)) == 622


def test_routes_of_an_empty_course_are_empty():
    empty = Course(ROOT, ())
    assert (two_hours(empty), a_day(empty), six_weeks(empty)) == ([], [], [])
    assert fill_sitting([], 60) == ()


def test_the_map_has_a_row_a_chapter(course):
    rows = map_block(course).splitlines()
    assert len(rows) == 2 + 5
    assert rows[2].startswith("| framework | [01 Do 01_start](notebooks/00_framework/")
    assert rows[5] == (
        f"| ad click prediction | [20 Do 20_baseline](notebooks/{CASE}/20_baseline.ipynb) "
        f"| [Do lab_20_rates](labs/{CASE}/lab_20_rates.ipynb) "
        f"| [solution](solutions/{CASE}/lab_20_rates.ipynb) | 80 + 40 | it |"
    )


def test_a_chapter_with_two_labs_shows_both_in_its_row():
    documents = (
        document("20_baseline", 80, labs=("lab_20_rates", "lab_20_ages")),
        document("lab_20_ages", 30),
        document("lab_20_rates", 40),
    )
    row = map_block(Course(ROOT, documents)).splitlines()[2]
    assert f"lab_20_rates.ipynb)<br>[Do lab_20_ages](labs/{CASE}/lab_20_ages.ipynb)" in row
    assert row.count("[solution]") == 2
    assert "| 80 + 40 + 30 |" in row
    assert "Labs: lab_20_rates, lab_20_ages" in teaching_plan(Course(ROOT, documents))


def test_concepts_are_sorted_without_regard_to_case(course):
    assert [line.split(":")[0] for line in concepts_block(course).splitlines()] == [
        "- Calibration",
        "- propensity",
    ]


def test_blocks_are_replaced_and_all_else_stays(course, monkeypatch):
    monkeypatch.setattr(readme, "BLOCKS", {"map": map_block, "concepts": concepts_block})
    text = (
        "before\n<!-- map -->\nold\n<!-- /map -->\n<!-- concepts -->\n<!-- /concepts -->\nafter\n"
    )
    fresh = render_readme(course, text)
    assert fresh.startswith("before\n<!-- map -->\n| case | chapter")
    assert fresh.endswith("<!-- /concepts -->\nafter\n")
    assert "old" not in fresh
    assert render_readme(course, fresh) == fresh


def test_the_table_of_routes_names_each_route(course):
    text = routes_block(course)
    assert all(f"| {name}" in text for name in ("two hours", "a day", "six weeks, week 1"))
    hours, day, *weeks = text.splitlines()[2:]
    assert "up to 'First' | 1 h 52 min |" in hours
    lab = f"[lab_20_rates](labs/{CASE}/lab_20_rates.ipynb)"
    assert "framework: [01_start](notebooks/00_framework/01_start.ipynb); ad click" in day
    assert f"prediction: [10_frame](notebooks/{CASE}/10_frame.ipynb) to {lab} | 3 h 12 min |" in day
    assert "; " not in weeks[-1]


def test_missing_markers_are_one_line(course):
    with pytest.raises(InputError, match="<!-- picture ad_click -->"):
        render_readme(course, "nothing")


def test_the_teaching_plan_names_minutes_stops_and_wrong_answers(course):
    plan = teaching_plan(course)
    assert "-   0- 40 min  First  <- one may stop here" in plan
    assert "- commonly, and wrongly: a" in plan
    assert "Discuss: Why?\n- a good answer: Since it pays.\n- commonly, and wrongly: a" in plan
    short = teaching_plan(course, "two hours")
    assert short.startswith("# two hours: 112 minutes")
    assert "40- 80 min  Rest" not in short
    with pytest.raises(InputError, match="unknown route 'a year'"):
        teaching_plan(course, "a year")


def test_the_plan_names_points_and_what_a_run_costs():
    lab = document("lab_20_rates", 40)
    grades = [("check_rate", {"points": 2}), ("rate", {}), ("decide", {"points": 3})]
    cells = [
        v4.new_code_cell(metadata={"nbgrader": {"grade_id": name, **points}})
        for name, points in grades
    ]
    source = v4.new_notebook(cells=cells)
    built = v4.new_notebook(metadata={RUN_RECORD: {"cpu_seconds": 12.3}})
    plan = teaching_plan(Course(ROOT, (replace(lab, source=source, notebook=built),)))
    assert "(40 min, 5 points, runs in 12 CPU seconds)" in plan
    assert "Points: rate 2, decide 3" in plan
