"""`mlsd lab` as a reader starts it, and its notebooks run in a browser by *Run All Cells*."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from threading import Thread

from chromium import running, wait_for

from mlsd.course.code import code_cells
from mlsd.course.execution import kernel_environment
from mlsd.course.notebooks import output_text

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
  return panel.node.querySelectorAll(".jp-Notebook .jp-Cell").length;
})()"""


def lab_environment(root, folder):
    """Return an environment in which JupyterLab leaves nothing at home and shows its commands."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
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
