"""Every notebook in a real JupyterLab: *Run All Cells*, then what the page shows, light and dark.

Run by hand; half an hour of one core for the whole course:

    PYTHONPATH=tests/support python tests/benchmarks/run_all.py [NAME ...] [--pictures FOLDER]

A copy of the project is served by `mlsd lab`, so that nobody's work is touched. Chapters, labs
without an answer, and solutions are opened and run one after another, or those named. Then the page
is asked in both themes what a reader would stumble over: cells that did not run, errors, text on
stderr, formulas that MathJax rejects, drawings that Mermaid rejects, pictures that are not there,
and in the dark theme figures on a transparent ground, whose black axes would vanish. With
`--pictures` the whole page is photographed in both. The exit code is 1 where anything was found.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from chromium import Tab, browser, wait_for
from jupyterlab_page import STARTED, complaints, jupyterlab, run_all_cells

from mlsd.course.notebooks import read_notebook
from mlsd.course.workspace import copy_workspace
from mlsd.runtime import project_root

COPIED = ("labs", "notebooks", "solutions", "data", "tests/studies")
# Without the chapter that `mlsd lab` opens by itself: each notebook is opened and run once.
START_PAGE = r"/lab/tree/[^?]*\?"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTH, TALLEST = 1_200, 16_000
SETTINGS = """(async () => {
  const app = window.jupyterapp;
  await app.commands.execute("apputils:change-theme", {theme: THEME});
  await new Promise(resolve => setTimeout(resolve, 500));
})()"""
# What is drawn late (formulas, drawings) is waited for; a count per kind of fault is returned.
FAULTS = """(async () => {
  const page = document.querySelector(".jp-NotebookPanel:not(.lm-mod-hidden)");
  const waits = () => page.querySelectorAll(".jp-RenderedMermaid:empty").length;
  for (let i = 0; i < 50 && waits(); i++) await new Promise(resolve => setTimeout(resolve, 200));
  const all = selector => [...page.querySelectorAll(selector)];
  const text = found => found.map(node => node.textContent.slice(0, 80));
  const images = all("img");
  const dark = document.body.dataset.jpThemeLight === "false";
  const corner = image => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(1, 1, 1, 1).data[3];
  };
  const figures = images.filter(image => image.src.startsWith("data:image/png"));
  return {
    "formula rejected": text(all("mjx-merror, [data-mjx-error]")),
    "drawing rejected": text(all(".jp-RenderedMermaid.jp-mod-warning, .jp-mermaid-error")),
    "picture missing": images.filter(image => image.complete && !image.naturalWidth)
      .map(image => image.src.slice(0, 80)),
    "figure without a ground": dark ? figures.filter(image => corner(image) < 255)
      .map(image => image.alt) : [],
  };
})()"""
HEIGHT = """document.querySelector(".jp-NotebookPanel:not(.lm-mod-hidden)"
  + " .jp-WindowedPanel-outer").scrollHeight"""
CLOSE = """(() => {
  const widgets = [...window.jupyterapp.shell.widgets("main")];
  widgets.find(widget => widget.context?.path === PATH).dispose();
})()"""
# Kernels of closed notebooks live on; a new JupyterLab after a few keeps their memory bounded.
AT_ONCE = 4


def make_copy(root: Path) -> list[Path]:
    """Copy the project, and return the notebooks to run, relative to the copy."""
    origin = project_root()
    for folder in COPIED:
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(origin / folder, root / folder, ignore=ignore)
    shutil.copy(origin / "pyproject.toml", root)
    copy_workspace(root)
    found = [*root.glob("work/*/*.ipynb"), *root.glob("solutions/*/*.ipynb")]
    return sorted(path.relative_to(root) for path in found)


def settings(config: Path) -> None:
    """Let the page hold all cells of a notebook, also those that are out of sight."""
    folder = config / "lab" / "user-settings" / "@jupyterlab" / "notebook-extension"
    folder.mkdir(parents=True)
    (folder / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))


def look(tab: Tab, name: str, pictures: Path | None) -> list[str]:
    """Return what the page shows that it should not, in both themes."""
    found = []
    for theme, title in THEMES.items():
        tab.value_of(SETTINGS.replace("THEME", json.dumps(title)))
        size(tab, TALLEST if pictures is None else min(TALLEST, 200 + tab.value_of(HEIGHT)))
        faults = tab.value_of(FAULTS)
        found += [f"{theme}: {kind}: {what}" for kind in faults for what in faults[kind]]
        if pictures is not None:
            tab.photograph(pictures / f"{name}-{theme}.png")
    size(tab, 1_000)
    return found


def size(tab: Tab, height: int) -> None:
    """Give the page a height in pixels."""
    shape = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    tab.call("Emulation.setDeviceMetricsOverride", **shape)


def main() -> int:
    """Run the notebooks and print what was found in each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="as in 20_baseline; all without")
    parser.add_argument("--pictures", type=Path, help="a folder for photographs of the pages")
    arguments = parser.parse_args()
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = make_copy(folder / "project")
        if arguments.names:
            paths = [path for path in paths if path.stem in arguments.names]
        faulty = 0
        for start in range(0, len(paths), AT_ONCE):
            own = folder / f"from_{start}"
            settings(own / "jupyter" / "config")
            with (
                jupyterlab(folder / "project", own / "jupyter") as url,
                browser(own / "chromium") as tab,
            ):
                tab.call("Page.navigate", url=re.sub(START_PAGE, "/lab?", url))
                wait_for(lambda: tab.value_of(STARTED))
                for path in paths[start : start + AT_ONCE]:
                    faulty += run(tab, folder / "project", path, arguments.pictures)
    print(f"{len(paths)} notebooks, {faulty} with something to mend")
    return min(faulty, 1)


def run(tab: Tab, root: Path, path: Path, pictures: Path | None) -> bool:
    """Run one notebook, print what was found, and return whether anything was."""
    started = time.perf_counter()
    shown = run_all_cells(tab, path.as_posix())
    found = complaints(read_notebook(root / path))
    found += look(tab, "-".join(path.with_suffix("").parts), pictures)
    seconds = time.perf_counter() - started
    print(f"{path}: {shown} cells, {seconds:.0f} s, {'; '.join(found) or 'nothing'}", flush=True)
    tab.value_of(CLOSE.replace("PATH", json.dumps(path.as_posix())))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
