"""Each gate on chapters is shown failing on a broken chapter, and silent on a good one."""

import pytest

from mlsd.course.gates import (
    CHAPTER_GATES,
    NOTEBOOK_GATES,
    check_document,
    code,
    frame,
    outputs,
    sizes,
    sync,
)
from mlsd.course.measures import measure
from mlsd.course.notebooks import RUN_RECORD


def source(old, new, count=-1):
    """A break in the source."""
    return lambda project: project.replace(project.chapter.source, old, new, count)


def notebook(change):
    """A break in the built notebook."""
    return lambda project: project.edit(project.chapter.notebook, change)


def code_cell(place, **values):
    """A break in the code cell at `place` among code cells of the notebook."""

    def change(content):
        cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        cells[place].update(values)

    return notebook(change)


def add_code(text):
    return source("# %% [markdown]\n# ## Results", f"# %%\n{text}\n\n# %% [markdown]\n# ## Results")


def stream(name, text):
    return {"output_type": "stream", "name": name, "text": text}


def forget_run(content):
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = None, []
    del content["metadata"][RUN_RECORD]


def draw(content):
    png = {"output_type": "display_data", "data": {"image/png": "AA=="}, "metadata": {}}
    code_places = [i for i, c in enumerate(content["cells"]) if c["cell_type"] == "code"]
    content["cells"][code_places[2]]["outputs"].append(png)
    del content["cells"][code_places[2] + 1]


def large(content):
    cell = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [stream("stdout", "x" * 400_001)]


LONG_CELL = "\n".join(f"value_{i} = {i}" for i in range(26))
MANY_DEFINITIONS = "\n".join(f"def f_{i}(): return {i}" for i in range(5))

BROKEN = [
    (outputs.built, lambda p: p.chapter.notebook.unlink(), "is not built"),
    (outputs.executed_in_order, notebook(forget_run), "was never run"),
    (outputs.executed_in_order, code_cell(2, execution_count=9), "was run as number 9"),
    (outputs.executed_in_order, code_cell(1, source=""), "is empty"),
    (outputs.outputs_fresh, source("default_rng(7)", "default_rng(8)"), "stale outputs"),
    (outputs.tagged_cells_have_outputs, code_cell(1, outputs=[]), "has no stored output"),
    (
        outputs.tagged_cells_have_outputs,
        source('tags=["nbval-check-output"]', "", 1),
        "1 cells are",
    ),
    (outputs.outputs_clean, code_cell(1, outputs=[stream("stderr", "careful")]), "stderr"),
    (outputs.outputs_clean, code_cell(1, outputs=[stream("stdout", "UserWarning: no")]), "warning"),
    (
        outputs.outputs_clean,
        code_cell(1, outputs=[stream("stdout", "<Line2D at 0x7f12ab34cd>")]),
        "address",
    ),
    (
        outputs.outputs_clean,
        code_cell(
            1,
            outputs=[
                {"output_type": "error", "ename": "KeyError", "evalue": "'a'", "traceback": []}
            ],
        ),
        "stored an error: KeyError",
    ),
    (outputs.figures_read, notebook(draw), "how to read it"),
    (sync.notebook_matches_source, source("Half of the users", "Most users"), "differs in the"),
    (sync.notebook_matches_source, source("minutes: 5}", "minutes: 6}", 1), "another header"),
    (sync.notebook_matches_source, notebook(lambda n: n["cells"].pop()), "the notebook 21"),
    (sync.notebook_matches_source, code_cell(1, id="aaaaaaaaaaaa"), "differs in the notebook"),
    (code.cells_parse, add_code("def ("), "is not Python"),
    (code.imports_first, add_code("import json"), "imports something"),
    (
        code.imports_first,
        add_code("def load():\n    from json import loads\n"),
        "imports something",
    ),
    (code.imports_first, add_code("json = __import__('json')"), "imports something"),
    (code.no_path_tricks, add_code("sys.path.append('..')"), "sys.path"),
    (code.no_path_tricks, add_code("run(['pip', 'install', 'polars'])"), "installs"),
    (code.no_magics, add_code("# !ls"), "is a magic"),
    (code.no_magics, add_code("# %run other.ipynb"), "is a magic"),
    (code.no_magics, add_code("# %%bash\n# ls"), "is a magic"),
    (code.nothing_hidden, source('"nbval-check-output"', '"hide-input"', 1), "unknown tag"),
    (code.nothing_hidden, code_cell(1, metadata={"jupyter": {"source_hidden": True}}), "hidden"),
    (code.no_absolute_paths, add_code("open('/home/ann/log.csv')"), "absolute path `/home/ann"),
    (code.no_absolute_paths, source("Users come back", "See /tmp/notes. Users come back"), "/tmp/"),
    (code.no_absolute_paths, add_code(r"open('C:\\logs')"), "absolute path"),
    (
        code.no_absolute_paths,
        code_cell(1, outputs=[stream("stdout", "read /Users/ann/log.csv")]),
        "absolute path `/Users/ann",
    ),
    (sizes.within_ranges, add_code(LONG_CELL), "longest: 26, allowed is at most 25"),
    (sizes.within_ranges, add_code("1\n\n# %%\n2\n\n# %%\n3"), "code cells in a row: 4"),
    (sizes.within_ranges, add_code(MANY_DEFINITIONS), "definitions: 6"),
    (sizes.within_ranges, notebook(large), "file kB"),
    (frame.title_stands, source("# # Build", "# # The building of"), "starts with another line"),
    (frame.opening_complete, source("**You need**", "**Needed**"), "lacks **You need**"),
    (frame.opening_complete, source("**Minutes**: 40", "**Minutes**: 45"), "states 45 minutes"),
    (frame.opening_complete, source("**Minutes**: 40", "**Minutes**: few"), "write the minutes"),
    (
        frame.opening_complete,
        source("**You will learn**", "**You need**"),
        "lacks **You will learn",
    ),
    (frame.sections_in_order, source("# ## Summary", "# ## In short"), "no section '## Summary'"),
    (frame.sections_in_order, source("# ## Recall", "# ## Summary"), "no section '## Recall'"),
    (frame.sections_in_order, source("# ## The data\n", "# ## Numbers\n"), "no section '## Data'"),
    (
        frame.sections_in_order,
        source("# %%\nimport numpy", "# %% [markdown]\n# ## A look at data\n\n# %%\nimport numpy"),
        "imports stand after",
    ),
    (
        frame.minutes_per_section,
        source("name: The data,", "name: Data,"),
        "gives minutes to 'Data'",
    ),
    (frame.minutes_per_section, source(", stop: true", ""), "no stop point"),
    (frame.results_hold_a_table, code_cell(7, outputs=[stream("stdout", "0.01")]), "no table"),
    (frame.ending_complete, source("# - Rows of", "# - a\n# - b\n# - c\n# - Rows of"), "6 lines"),
    (frame.ending_complete, source("# One half.\n", "#\n"), "2 folded answers"),
    (frame.ending_complete, source("(2020)", "(in press)"), "cites nothing"),
    (frame.reader_takes_part, source("**Your guess**: by", "One might guess: by"), "no guess"),
    (frame.reader_takes_part, source('tags=["your-turn"]', ""), 'no cell with tags=["your-turn"]'),
    (frame.reader_takes_part, source("return ...", "return (rate / count) ** 0.5"), "leave `...`"),
    (frame.reader_takes_part, source('tags=["check"]', ""), "no check follows"),
    (
        frame.reader_takes_part,
        source(
            "    return ...", "\n".join(f"    a_{i} = 1" for i in range(8)) + "\n    return ..."
        ),
        "more than 8 lines",
    ),
]


@pytest.mark.parametrize(("gate", "break_it", "message"), BROKEN)
def test_gate_fails_on_a_broken_chapter(project, gate, break_it, message):
    assert gate(project.document("chapter")) == []
    break_it(project)
    problems = [str(problem) for problem in gate(project.document("chapter"))]
    assert any(message in problem for problem in problems), problems
    assert all(problem.startswith("source/notebooks/") for problem in problems)


def test_every_chapter_gate_is_shown_failing():
    shown = {gate for gate, _, _ in BROKEN}
    assert shown == {*NOTEBOOK_GATES, *CHAPTER_GATES}


def test_outside_an_aim_nothing_fails(project):
    source("Users come back", "word " * 3001)(project)
    add_code("\n\n# %% [markdown]\n# b\n\n# %%\n".join("1" * 40))(project)
    project.edit(project.chapter.notebook, slow)
    document = project.document("chapter")
    outside = {found.name for found in measure(document) if not found.aimed}
    assert {"words", "cells", "run CPU seconds", "words in a sentence, mean"} <= outside
    assert sizes.within_ranges(document) == []


def slow(content):
    content["metadata"][RUN_RECORD]["cpu_seconds"] = 1e4


def test_scaffolded_chapter_passes_every_gate(project):
    assert check_document(project.document("chapter")) == []


@pytest.mark.parametrize(
    "harmless",
    [
        "print('see https://example.org/home/page and notebooks/work/x')",
        "ratio = 5 % 3",
        "# %matplotlib inline",
    ],
)
def test_code_gates_leave_harmless_cells_alone(project, harmless):
    add_code(harmless)(project)
    document = project.document("chapter")
    for gate in (code.cells_parse, code.no_magics, code.no_absolute_paths, code.no_path_tricks):
        assert gate(document) == []
