"""The commands around the course, on an empty project and on their own help."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mlsd.cli import build_app, course, lab
from mlsd.course import workspace
from mlsd.course.budget import NOTEBOOK_COSTS, REFERENCE_SECONDS, Cost, record_costs
from mlsd.course.readme import BLOCKS
from mlsd.runtime import InputError

COMMANDS = (
    *("new", "build", "pull", "check", "test", "budget", "stats", "guide", "readme", "classroom"),
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    markers = "\n".join(f"<!-- {name} -->\n<!-- /{name} -->" for name in BLOCKS)
    (tmp_path / "README.md").write_text(markers, encoding="utf-8")
    for module in (course, lab):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    return lambda *arguments: CliRunner().invoke(build_app(), arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_gives_an_example(run, command):
    text = run("course", command, "--help").stdout
    assert f"mlsd course {command}" in " ".join(text.split())


def test_a_new_chapter_is_checked_and_built(run, tmp_path):
    made = run("course", "new", "01_ad_click_prediction", "20_measure")
    assert "wrote source/notebooks/01_ad_click_prediction/20_measure.py" in made.stdout
    found = run("course", "check")
    assert found.exit_code == 1
    assert "20_measure.py: is not built; run `mlsd course build` on it" in found.stdout
    built = run("course", "build", "--no-run")
    assert (built.exit_code, built.stdout.splitlines()[-1]) == (0, "wrote README.md")
    assert (tmp_path / "notebooks/01_ad_click_prediction/20_measure.ipynb").is_file()
    assert "one may stop here" in run("course", "guide").stdout
    assert "outside the aim" in run("course", "stats", str(tmp_path / "source")).stdout
    pulled = run("course", "pull", str(tmp_path / "notebooks"))
    assert "20_measure.py" in pulled.stdout
    lab = run("course", "pull", str(tmp_path / "labs/01_ad_click_prediction/lab_20_measure.ipynb"))
    assert "labs are made from their solutions" in str(lab.exception)


def test_a_case_over_its_budget_fails_the_command_and_no_other(run, tmp_path):
    notebook = "notebooks/04_fraud_detection/10_frame.ipynb"
    (tmp_path / notebook).parent.mkdir(parents=True)
    (tmp_path / notebook).write_text("{}")
    assert isinstance(run("course", "budget").exception, InputError)
    minute = 60 / REFERENCE_SECONDS
    record_costs(tmp_path, tmp_path / NOTEBOOK_COSTS, {notebook: Cost(calibrations=9 * minute)})
    assert run("course", "budget").exit_code == 0
    over = run("course", "budget", "--minutes", "8")
    assert (over.exit_code, "OVER" in over.stdout, "9.0" in over.stdout) == (1, True, True)


def test_lab_prints_what_it_adds_and_passes_the_exit_code_on(run, tmp_path, monkeypatch):
    run("course", "new", "01_ad_click_prediction", "20_measure")
    run("course", "build", "--no-run")
    asked = {}
    planned = workspace.Server(tmp_path, 9001, "secret", opens_browser=False)
    monkeypatch.setattr(workspace, "plan_server", lambda root, **o: asked.update(o) or planned)
    monkeypatch.setattr(workspace, "run_lab", lambda server, ready: ready() or 3)
    first = run("lab", "--no-browser", "--port", "9000")
    assert first.stdout.startswith("added 1 notebook to work/01_ad_click_prediction\n")
    assert "http://127.0.0.1:9001/lab/tree/work?token=secret\n" in first.stdout
    assert "port 9000 is taken" in first.stdout
    assert "ssh -N -L 9001:127.0.0.1:9001" in first.stdout
    assert first.exit_code == 3
    assert asked == {"browser": False, "port": 9000, "host": "127.0.0.1"}
    assert "work/ is complete: 2 notebooks" in run("lab").stdout
    assert "Example" in run("lab", "--help").stdout


def test_an_empty_course_passes(run):
    assert run("course", "check").stdout == "all gates pass: 0 chapters and labs\n"
    assert run("course", "test").exit_code == 0
    assert run("course", "readme").stdout in ("wrote README.md\n", "unchanged README.md\n")


def test_a_command_that_lacks_a_contributors_package_is_one_line():
    code = (
        "import sys; sys.modules['jupytext'] = None; sys.argv = ['mlsd', 'course', 'check']; "
        "from mlsd.cli import main; main()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("mlsd: jupytext is not installed")
    assert "make setup-dev" in said.stderr
    assert len(said.stderr.splitlines()) == 1
