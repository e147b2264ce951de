"""What a reader does: `mlsd lab`, a chapter and its unsolved lab in a browser, Run All Cells.

Chromium is driven over its DevTools protocol; without a Chromium on the path the test is skipped.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread

import pytest
from chromium import CHROMIUM, browser, running, wait_for

from mlsd.course.build import build_unit
from mlsd.course.code import code_cells
from mlsd.course.execution import kernel_environment
from mlsd.course.layout import make_unit
from mlsd.course.notebooks import cell_tags, output_text, read_notebook
from mlsd.runtime import project_root

CASE, CHAPTER, LAB = "01_ad_click_prediction", "20_baseline", "lab_20_baseline"
STARTED = "window.jupyterapp && window.jupyterapp.restored.then(() => true)"
# Run All Cells, once the kernel answers; the promise holds until the last cell is done.
RUN_ALL = """(async () => {
  const app = window.jupyterapp;
  const panel = await app.commands.execute("docmanager:open", {path: PATH});
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.revealed;
  await app.commands.execute("notebook:run-all-cells");
  await panel.sessionContext.session.kernel.info;
  await panel.context.save();
  return document.querySelectorAll(".jp-Notebook .jp-Cell").length;
})()"""


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


def lab_environment(root, folder):
    """Return an environment in which JupyterLab leaves nothing at home and shows its commands."""
    config = folder / "config"
    config.mkdir(parents=True)
    shown = {"LabApp": {"expose_app_in_browser": True}}
    (config / "jupyter_lab_config.json").write_text(json.dumps(shown))
    places = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("DATA", "RUNTIME")}
    own = {"JUPYTER_CONFIG_DIR": str(config), "IPYTHONDIR": str(folder / "ipython")}
    return {**kernel_environment(root), **places, **own}


@contextmanager
def jupyterlab(root, folder):
    """Start `mlsd lab` and yield its address."""
    command = "from mlsd.cli import main; main()"
    with running(
        [sys.executable, "-c", command, "lab", "--no-browser", "--port", "0"],
        cwd=root,
        env=lab_environment(root, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        said = []
        Thread(target=lambda: said.extend(process.stdout), daemon=True).start()

        def address():
            assert process.poll() is None, "".join(said)
            return re.search(r"http://(?:localhost|127\.0\.0\.1)\S+token=\w+", "".join(said))

        yield wait_for(address).group(0)


def run_all_cells(tab, path):
    """Open a notebook, run its cells, save it, and return how many cells the page shows."""
    return tab.value_of(RUN_ALL.replace("PATH", json.dumps(path)))


def complaints(notebook):
    """Return what a reader should not see: cells that were not run, errors, text on stderr."""
    found = []
    for position, cell in code_cells(notebook):
        if cell.execution_count is None:
            found.append(f"cell {position + 1} was not run")
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                found.append(f"cell {position + 1}: {output_text(output)}")
    return found


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
