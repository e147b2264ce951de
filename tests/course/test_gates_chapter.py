"""Each gate on chapters is shown failing on a broken chapter, and silent on a good one."""

import pytest

from mlsd.course.gates import (
    CHAPTER_GATES,
    NOTEBOOK_GATES,
    check_document,
    code,
    figures,
    frame,
    guesses,
    language,
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


def store_figure(content):
    png = {"output_type": "display_data", "data": {"image/png": "AA=="}, "metadata": {}}
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    cells[2]["outputs"].append(png)


def large(content):
    cell = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [stream("stdout", "x" * 400_001)]


def text(sentence):
    """A sentence more in the chapter."""
    return source("Users come back,", f"{sentence} Users come back,")


SENIOR = "A senior answer counts users."
NAME = '"measure_users"'
DRAWN = "plt.plot([1, 2])\nplt.show()"

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
    (sync.notebook_matches_source, notebook(lambda n: n["cells"].pop()), " cells, the notebook "),
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
    (sizes.within_ranges, add_code("1\n\n# %%\n2\n\n# %%\n3"), "code cells in a row: 3"),
    (sizes.within_ranges, add_code(MANY_DEFINITIONS), "definitions: 7"),
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
        source("# %%\nimport mat", "# %% [markdown]\n# ## A look at data\n\n# %%\nimport mat"),
        "imports stand after",
    ),
    (
        frame.minutes_per_section,
        source("name: The data,", "name: Data,"),
        "gives minutes to 'Data'",
    ),
    (frame.minutes_per_section, source(", stop: true", ""), "no stop point"),
    (frame.results_hold_a_table, code_cell(10, outputs=[stream("stdout", "0.01")]), "no table"),
    (frame.ending_complete, source("# - Rows of", "# - a\n# - b\n# - c\n# - Rows of"), "6 lines"),
    (frame.ending_complete, source("# One half.\n", "#\n"), "2 folded answers"),
    (frame.ending_complete, source(SENIOR, ""), "the interview has 2 answered questions, not 3"),
    (frame.ending_complete, source("million users?", "million users"), "has 2 answered"),
    (frame.ending_complete, source("A staff answer adds", "It adds"), "has 2 answered"),
    (frame.sections_in_order, source("# ## In the i", "# ## The i"), "no section '## In the int"),
    (frame.ending_complete, source("(2020)", "(in press)"), "cites nothing"),
    (frame.reader_takes_part, source('tags=["guess"]', ""), "no guess"),
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
    (
        figures.figures_titled,
        source('title="The variant raises the rate", ', ""),
        "without a title",
    ),
    (figures.figures_titled, source('title="The variant raises the rate"', 'title=""'), "without"),
    (figures.figures_titled, add_code(DRAWN), "draws a figure without a title"),
    (figures.figures_titled, notebook(store_figure), "draws a figure without a title"),
    (guesses.guesses_compared, source(f"compare({NAME}, needed)", "needed"), "is compared nowhere"),
    (
        guesses.guesses_compared,
        source(f"compare({NAME}", 'compare("users"'),
        "compare('users') has",
    ),
    (guesses.guesses_compared, source(f"guess({NAME}, ...", "guess_users = (..."), "has no guess("),
    (guesses.guesses_compared, source('tags=["guess"]', ""), 'tag the cell tags=["guess"]'),
    (
        guesses.guesses_compared,
        source(f"guess({NAME}", f"compare({NAME}, 1)\nguess({NAME}"),
        "has no guess of that name before it",
    ),
    (
        guesses.answers_unasserted,
        source(f"compare({NAME}, needed)", f"assert needed > 1\ncompare({NAME}, needed)"),
        "asserts before 'measure_users' is answered",
    ),
    (
        guesses.answers_unasserted,
        source("\n\nneeded = ", "\n\nassert own_users_needed(1, 1, 1) == 0\nneeded = "),
        "asserts before 'measure_users' is answered",
    ),
    *(
        (language.plain_words, text(sentence), f"{said!r}: write")
        for sentence, said in (
            ("It was luck.", "luck"),
            ("Trees are dearer.", "dearer"),
            ("Its seeds settled nothing.", "settled nothing"),
            ("The interval holds zero.", "holds zero"),
            ("We shall see.", "shall"),
            ("Nobody in the house knows.", "in the house"),
            ("It won by a hair.", "by a hair"),
            ("Clicks foretell revenue.", "foretell"),
            ("It lessens the error.", "lessens"),
            ("That is mended.", "mended"),
            ("We fit anew.", "anew"),
            ("How to read it: look.", "How to read it:"),
            ("We swap trees for linear models.", "trees for linear"),
            ("Here the line on rows loses.", "the line on rows"),
            ("It draws one bar a slot.", "one bar a slot"),
            ("It reads 500 candidates a request.", "500 candidates a request"),
        )
    ),
    (language.plain_words, add_code("1  # by luck"), "'luck': write noise"),
    (language.plain_words, add_code('x = f"{1} is dear"'), "'dear': write expensive"),
    (language.plain_words, add_code('plt.plot(1, label="luck")'), "'luck'"),
    (language.plain_words, source("builds: a", "builds: a dear"), "20_measure.py: 'dear'"),
    (language.plain_words, source(": how far the", ": by luck, how far the"), ".py: 'luck'"),
    *(
        (language.formulas_in_latex, text(sentence), sentence[:-1])
        for sentence in ("√n.", "n².", "5 ≤ 6.", "σ.", "2 · 3.", "2×.", "bid × rate.")
    ),
    *(
        (language.formulas_in_latex, text(sentence), "write it as LaTeX")
        for sentence in ("k / s is it.", "At w = 0.01.", "p (1 - p) it is.", "1 − p is.", "> z + 1")
    ),
    (language.renders_as_written, text("between 0 and\n# 1. It is so."), "so it is a list"),
    (language.renders_as_written, text("We see\n# > 3 of them."), "so it is a quotation"),
    (language.renders_as_written, text("We see\n# ---\n#"), "the line above into a heading"),
    (language.renders_as_written, text("**We see."), "bold is left open"),
    (language.renders_as_written, text("At $p = 1 it is."), "a formula is left open"),
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


@pytest.mark.parametrize(
    "sentence",
    [
        "We recommend lessons at 2,000 requests a second, twice a day, to a user.",
        "An A/B test asks whether one of a user's clicks gives one user a bonus.",
        "In I/O and P/E it is `k / s` or $k / s$, −0.4 % to +1.3 %, 5-10 µs, and $a$ is a slot.",
        "The line at 1.0 is no model; it costs \\$5 or `$5`. See [chance](https://e.org/luck).",
        "- one item\n# - another\n#\n# 1. first\n# 2. second\n#    goes on\n#\n# A *new* word.",
        "$$\n# p = \\sqrt{x}\n# $$\n# | a | b |\n# |---|---|\n# | 1 | 2 |",
        "`world.kit.luck` keys the draws, ±3 % of them, with ages of 9 and\n# 10. It is so.",
    ],
)
def test_ordinary_prose_passes_the_gates_on_language(project, sentence):
    text(sentence)(project)
    document = project.document("chapter")
    for gate in (language.plain_words, language.formulas_in_latex, language.renders_as_written):
        assert gate(document) == []


def test_titles_that_are_cited_are_not_ours(project):
    source("*Trustworthy Online", "*Luck and ESCM² Online")(project)
    document = project.document("chapter")
    assert language.plain_words(document) == language.formulas_in_latex(document) == []


def test_a_title_may_come_from_a_function_of_the_notebook(project):
    add_code("def draw(title):\n    plt.plot([1])\n    plt.title(title)\n    plt.show()")(project)
    add_code('draw("It rises")')(project)
    assert figures.figures_titled(project.document("chapter")) == []


def test_a_figure_of_an_older_text_is_not_blamed_on_the_cell_in_its_place(project):
    project.edit(project.chapter.notebook, store_figure)
    source('shown["variant"].value_counts()', 'shown["variant"].value_counts(sort=False)')(project)
    assert figures.figures_titled(project.document("chapter")) == []


def test_guesses_may_be_compared_in_a_loop(project):
    source('compare("measure_users", needed)', 'compare(f"measure_{x}", needed)')(project)
    assert guesses.guesses_compared(project.document("chapter")) == []
