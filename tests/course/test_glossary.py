"""The glossary is made of headers and docstrings, and is no chapter."""

import json
import shutil

from typer.testing import CliRunner

from mlsd.cli import build_app, course
from mlsd.course.glossary import make_glossary, write_glossary
from mlsd.course.layout import find_units, glossary_path
from mlsd.course.runner import notebook_files


def text(project):
    cells = json.loads(glossary_path(project.root).read_text(encoding="utf-8"))["cells"]
    assert {cell["cell_type"] for cell in cells} == {"markdown"}
    return "\n\n".join("".join(cell["source"]) for cell in cells)


def test_concepts_and_names_have_a_line_with_links(project):
    said = text(project)
    chapter = "[20_measure](../01_ad_click_prediction/20_measure.ipynb)"
    assert (
        "- **the error of measure in ad click prediction**: how far the rate of some users is off "
        f"from that of all of them, by chance. Taught in {chapter}." in said
    )
    assert "### `mlsd.notebook`\n\n- `compare`: Print the reader's guess beside" in said
    assert f"keep both. Used in {chapter}." in said


def test_of_a_module_what_is_used_is_listed(project):
    source = project.chapter.source
    project.replace(
        source, "from mlsd.checks import", "from mlsd import metrics\nfrom mlsd.checks import"
    )
    project.replace(source, "shown.shape", "metrics.log_loss([1], [0.5])\nshown.shape")
    made = "\n\n".join(cell.source for cell in make_glossary(project.course()).cells)
    assert "### `mlsd.metrics`\n\n- `log_loss`: " in made


def test_a_name_of_many_chapters_shows_the_first(project):
    for number in range(30, 35):
        shutil.copy(project.chapter.source, project.chapter.source.with_name(f"{number}_again.py"))
    made = "\n\n".join(cell.source for cell in make_glossary(project.course()).cells)
    assert "[31_again](../01_ad_click_prediction/31_again.ipynb) and 3 more chapters." in made


def test_links_lead_to_files(project):
    folder = glossary_path(project.root).parent
    assert (folder / "../01_ad_click_prediction/20_measure.ipynb").is_file()


def test_it_is_written_once(project):
    assert not write_glossary(project.course())
    assert make_glossary(project.course()) == make_glossary(project.course())


def test_it_is_no_chapter_and_not_run(project):
    assert {unit.name for unit in find_units(project.root)} == {"20_measure", "lab_20_measure"}
    assert not any("glossary" in path.name for path in notebook_files(project.root, []))


def test_the_command_that_makes_readme_makes_it(project, monkeypatch):
    monkeypatch.setattr(course, "project_root", lambda: project.root)
    glossary_path(project.root).unlink()
    said = CliRunner().invoke(build_app(), ["course", "readme"]).stdout
    assert "wrote notebooks/00_framework/glossary.ipynb" in said
    assert glossary_path(project.root).is_file()
