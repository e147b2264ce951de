"""What a reader does: `mlsd lab`, a chapter and its unsolved lab in a browser, Run All Cells.

Chromium is driven over its DevTools protocol; without a Chromium on the path the test is skipped.
"""

import os
import shutil

import pytest
from chromium import CHROMIUM, browser, wait_for
from jupyterlab_page import STARTED, complaints, jupyterlab, run_all_cells

from mlsd.course.build import build_unit
from mlsd.course.code import code_cells
from mlsd.course.layout import make_unit
from mlsd.course.notebooks import cell_tags, output_text, read_notebook
from mlsd.runtime import project_root

CASE, CHAPTER, LAB = "01_ad_click_prediction", "20_baseline", "lab_20_baseline"


def make_project(root):
    """Copy what one chapter and its lab need, and make them from their sources."""
    origin = project_root()
    ignore = shutil.ignore_patterns("__pycache__")
    for folder in ("labs/mlsd", "data"):
        shutil.copytree(origin / folder, root / folder, ignore=ignore)
    shutil.copy(origin / "pyproject.toml", root)  # tells a clone from a plain install
    for name in (CHAPTER, LAB):
        unit = make_unit(root, CASE, name)
        unit.source.parent.mkdir(parents=True)
        shutil.copy(make_unit(origin, CASE, name).source, unit.source)
        build_unit(unit, run=False)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
@pytest.mark.skipif(os.name == "nt", reason="processes are ended as on Linux and macOS")
def test_a_chapter_and_its_unsolved_lab_run_in_the_browser(tmp_path):
    root = tmp_path / "project"
    make_project(root)
    with jupyterlab(root, tmp_path / "jupyter") as url, browser(tmp_path / "chromium") as tab:
        tab.call("Page.navigate", url=url)
        wait_for(lambda: tab.value_of(STARTED))
        try:
            shown = {
                name: run_all_cells(tab, f"work/{CASE}/{name}.ipynb") for name in (CHAPTER, LAB)
            }
        except BaseException:
            tab.photograph(tmp_path / "screen.png")
            raise
    assert all(shown.values()), shown
    saved = {name: read_notebook(root / "work" / CASE / f"{name}.ipynb") for name in shown}
    assert {name: complaints(notebook) for name, notebook in saved.items()} == {
        CHAPTER: [],
        LAB: [],
    }
    checked = [cell for _, cell in code_cells(saved[LAB]) if "check" in cell_tags(cell)]
    said = ["".join(map(output_text, cell.outputs)) for cell in checked]
    assert said == ["not attempted"] * len(checked)
    assert len(checked) >= 4
