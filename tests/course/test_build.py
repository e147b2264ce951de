"""Sources become notebooks, solutions and labs; edits travel both ways; nothing is half done."""

import json
from difflib import SequenceMatcher

import jupytext
import pytest

from mlsd.course import build
from mlsd.course.build import build_unit
from mlsd.course.formatting import format_python
from mlsd.course.gates import check_document, outputs, sync
from mlsd.course.layout import find_units
from mlsd.course.merging import FORMAT, merge_cells
from mlsd.course.notebooks import RUN_RECORD, read_notebook
from mlsd.course.source import pull_source, read_source
from mlsd.runtime import InputError, project_root


def test_building_again_changes_nothing_and_starts_no_kernel(project, monkeypatch):
    monkeypatch.setattr(build, "execute_notebook", lambda *_, **__: pytest.fail("a kernel starts"))
    for unit in (project.chapter, project.lab):
        before = {path: path.read_bytes() for path in (unit.notebook, unit.source)}
        result = build_unit(unit)
        assert (result.executed, result.written) == (False, ())
        assert before == {path: path.read_bytes() for path in before}


def test_prose_changes_without_a_run_and_keeps_the_outputs(project):
    counts = [
        len(cell.get("outputs", [])) for cell in read_notebook(project.chapter.notebook).cells
    ]
    project.replace(project.chapter.source, "Half of the users", "One half of the users")
    result = build_unit(project.chapter)
    assert not result.executed
    after = read_notebook(project.chapter.notebook)
    assert [len(cell.get("outputs", [])) for cell in after.cells] == counts
    assert "One half of the users" in after.cells[5].source
    assert check_document(project.document("chapter")) == []


def test_an_edit_changes_the_id_of_its_own_cell_alone(project):
    before = [cell.id for cell in read_notebook(project.chapter.notebook).cells]
    project.replace(project.chapter.source, "Half of the users", "One half of the users")
    build_unit(project.chapter, run=False)
    after = [cell.id for cell in read_notebook(project.chapter.notebook).cells]
    assert [a == b for a, b in zip(before, after)].count(False) == 1
    assert len(set(after)) == len(after)


def test_without_a_run_changed_code_loses_its_outputs(project):
    project.replace(project.chapter.source, "default_rng(7)", "default_rng(8)")
    build_unit(project.chapter, run=False)
    document = project.document("chapter")
    assert sync.notebook_matches_source(document) == []
    assert outputs.executed_in_order(document) != []
    assert outputs.outputs_fresh(document) != []


def test_changed_code_is_run(whole_project):
    project = whole_project
    project.replace(project.chapter.source, "default_rng(7)", "default_rng(8)")
    project.replace(project.chapter.source, 'assert change["low"].min() > 0', "assert error > 0")
    assert build_unit(project.chapter).executed
    assert check_document(project.document("chapter")) == []
    record = read_notebook(project.chapter.notebook).metadata[RUN_RECORD]
    assert 0 < record["cpu_seconds"] < 600
    assert record["longest_cell_cpu_seconds"] <= record["cpu_seconds"]


def test_a_failing_cell_is_named_and_nothing_is_written(whole_project):
    project = whole_project
    before = project.chapter.notebook.read_bytes()
    project.replace(project.chapter.source, "default_rng(7)", "default_rng(seed)")
    with pytest.raises(InputError, match=r"20_measure.py: cell 5 raised NameError: .*seed"):
        build_unit(project.chapter)
    assert project.chapter.notebook.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("MARGIN = 190.0", "MARGIN = 1e9", "cell 19 raised CheckFailed: check 'choose_arm'"),
        (
            "expected=0.25",
            "expected=0.3",
            "cell 11 raised CheckFailed: check 'weighted_rate'",
        ),
    ],
)
def test_a_solution_that_fails_its_own_check_is_not_built(whole_project, old, new, message):
    project = whole_project
    before = project.lab.notebook.read_bytes()
    project.replace(project.lab.checks, old, new)
    with pytest.raises(InputError, match=rf"lab_20_measure.py: {message} says wrong"):
        build_unit(project.lab, force=True)
    assert project.lab.notebook.read_bytes() == before


def test_notebook_holds_nothing_of_the_machine(project):
    text = project.chapter.notebook.read_text(encoding="utf-8")
    assert str(project.root) not in text
    content = json.loads(text)
    assert set(content["metadata"]) == {"kernelspec", "language_info", "mlsd", RUN_RECORD}
    assert content["metadata"]["language_info"] == {"name": "python"}
    assert all("execution" not in cell["metadata"] for cell in content["cells"])


def test_an_edit_in_the_notebook_is_pulled_back_and_the_header_stays(project):
    for unit in (project.chapter, project.lab):
        header = unit.source.read_text(encoding="utf-8").split("# %%", 1)[0]
        assert pull_source(unit) in (True, False)
        project.edit(unit.notebook, edit_last_markdown)
        assert pull_source(unit)
        text = unit.source.read_text(encoding="utf-8")
        assert text.startswith(header)
        assert "# Edited in JupyterLab." in text
        assert "nbgrader" not in text
        assert "collapsed" not in text
        build_unit(unit, run=False)
        kind = unit.kind
        assert sync.notebook_matches_source(project.document(kind)) == []
        assert outputs.outputs_fresh(project.document(kind)) == []


def edit_last_markdown(content):
    cell = [cell for cell in content["cells"] if cell["cell_type"] == "markdown"][-1]
    cell["source"] = ["Edited in JupyterLab."]
    cell["metadata"]["jp-MarkdownHeadingCollapsed"] = True
    content["cells"][2]["metadata"]["collapsed"] = True


def test_pulling_an_unchanged_notebook_changes_nothing(project):
    for kind in ("chapter", "lab"):
        assert not pull_source(project.unit(kind))


def changed_lines(before, after):
    matcher = SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    spans = [(first, last) for kind, first, last, *_ in matcher.get_opcodes() if kind != "equal"]
    return {line for first, last in spans for line in range(first, max(last, first + 1))}


@pytest.mark.parametrize("unit", find_units(project_root()), ids=lambda unit: unit.label)
def test_every_source_takes_back_its_own_cells_to_the_letter(unit):
    text = unit.source.read_text(encoding="utf-8")
    cells = read_source(unit).cells
    assert merge_cells(text, cells) == text
    place = [i for i, cell in enumerate(cells) if cell.cell_type == "code"][-2]
    lines = cells[place].source.splitlines()
    cells[place].source = "\n".join(["edited = {'by': [1,2]}", *lines])
    merged = merge_cells(text, cells)
    formatted = format_python(merged, unit.source)
    assert 'edited = {"by": [1, 2]}' in formatted
    assert format_python(formatted, unit.source) == formatted
    again = jupytext.reads(formatted, fmt=FORMAT).cells
    assert [cell.source for cell in again][:place] == [cell.source for cell in cells][:place]
    assert [cell.source for cell in again][place + 1 :] == [
        cell.source for cell in cells[place + 1 :]
    ]
    # The line that is new, and where an import stood first, the blank lines before it.
    assert len(changed_lines(text, formatted)) <= 2


def test_cells_can_be_added_moved_and_deleted(project):
    def change(content):
        cells = content["cells"]
        cells.insert(3, cells.pop(7))
        del cells[-1]
        cells.append({**cells[1], "id": "fresh", "source": ["Added at the end."]})

    unit = project.chapter
    project.edit(unit.notebook, change)
    assert pull_source(unit)
    assert not pull_source(unit)
    built, source = read_notebook(unit.notebook).cells, read_source(unit).cells
    assert [cell.source for cell in source] == [cell.source for cell in built]


@pytest.mark.parametrize(
    "source",
    ["x = 1\n\n# %%\ny = 2\n", '# %%\nx = """\n# %%\n"""\n\n# %%\ny = 2\n'],
    ids=["text before the first cell", "a marker within a string"],
)
def test_cells_that_cannot_be_told_apart_in_the_text_are_written_anew(source):
    source = f"# ---\n# jupyter:\n#   mlsd: {{}}\n# ---\n\n{source}"
    cells = jupytext.reads(source, fmt=FORMAT).cells
    cells[-1].source = "y = 3"
    again = jupytext.reads(merge_cells(source, cells), fmt=FORMAT).cells
    assert [cell.source for cell in again] == [cell.source for cell in cells]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tags=["check"] points=2', 'tags=["check"]', "cell 6: give its points"),
        ("    ### END SOLUTION\n", "", "no end solution statement"),
        ('tags=["exercise"] exercise="smoothed_rate"', "", "before the first exercise"),
        ('exercise="weighted_rate"', 'exercise="smoothed_rate"', "is there twice"),
    ],
)
def test_a_mistake_in_a_lab_is_one_line(project, old, new, message):
    project.replace(project.lab.source, old, new)
    with pytest.raises(InputError, match=message):
        build_unit(project.lab, run=False)


def test_a_source_that_does_not_begin_with_its_header_is_left_alone(project):
    source = project.chapter.source
    torn = "<<<<<<< HEAD\n" + source.read_text(encoding="utf-8")
    source.write_text(torn, encoding="utf-8")
    with pytest.raises(InputError, match="does not begin with its header"):
        pull_source(project.chapter)
    assert source.read_text(encoding="utf-8") == torn


def test_a_notebook_without_cells_does_not_empty_its_source(project):
    unit = project.chapter
    before = unit.source.read_bytes()
    emptied = read_notebook(unit.notebook)
    emptied.cells = []
    unit.notebook.write_text(json.dumps(emptied), encoding="utf-8")
    with pytest.raises(InputError, match="holds no cell"):
        pull_source(unit)
    unit.notebook.unlink()
    unit.notebook.mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        pull_source(unit)
    assert unit.source.read_bytes() == before
