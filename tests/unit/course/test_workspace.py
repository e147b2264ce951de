import json
import os
import shutil
from pathlib import Path

import pytest
from nbformat import v4

from mlsd.course import workspace
from mlsd.course.layout import make_unit
from mlsd.course.notebooks import read_notebook, write_notebook
from mlsd.course.workspace import copy_workspace, lab_command, run_lab
from mlsd.runtime import InputError

CASE = "01_ad_click_prediction"


def chapter(text="1 + 1"):
    cell = v4.new_code_cell(text, execution_count=1, outputs=[v4.new_output("stream", text="2")])
    metadata = {"mlsd": {"discussion": "secret"}, "mlsd_run": {"seconds": 1}}
    return v4.new_notebook(cells=[cell], metadata=metadata)


@pytest.fixture
def root(tmp_path):
    write_notebook(chapter(), make_unit(tmp_path, CASE, "20_baseline").notebook)
    write_notebook(v4.new_notebook(), make_unit(tmp_path, CASE, "lab_20_baseline").lab)
    write_notebook(v4.new_notebook(), make_unit(tmp_path, CASE, "lab_20_baseline").notebook)
    return tmp_path


def test_copies_lie_side_by_side_without_outputs_or_answers(root):
    found = copy_workspace(root)
    names = [path.relative_to(root).as_posix() for path in found.added]
    assert names == [f"work/{CASE}/20_baseline.ipynb", f"work/{CASE}/lab_20_baseline.ipynb"]
    copy = read_notebook(found.added[0])
    assert copy.cells[0].outputs == []
    assert copy.cells[0].execution_count is None
    assert "secret" not in json.dumps(copy)


def test_what_is_there_is_never_overwritten(root):
    (copy, _) = copy_workspace(root).added
    copy.write_text("my answer", encoding="utf-8")
    again = copy_workspace(root)
    assert (again.added, len(again.kept), again.outdated) == ((), 2, ())
    assert copy.read_text(encoding="utf-8") == "my answer"


def test_a_newer_original_is_told_and_a_new_run_of_it_is_not(root):
    (copy, _) = copy_workspace(root).added
    original = make_unit(root, CASE, "20_baseline").notebook
    rerun = chapter()
    rerun.cells[0].outputs = []
    write_notebook(rerun, original)
    assert copy_workspace(root).outdated == ()
    write_notebook(chapter("1 + 2"), original)
    assert copy_workspace(root).outdated == (copy,)
    assert read_notebook(copy).cells[0].source == "1 + 1"


def test_there_may_be_nothing_to_copy(tmp_path):
    assert copy_workspace(tmp_path).added == ()


def test_a_file_named_work_is_one_line(root):
    (root / "work").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        copy_workspace(root)


def test_jupyterlab_opens_at_work_and_asks_the_network_nothing(root, monkeypatch):
    monkeypatch.setattr(workspace, "_has_browser", lambda: False)
    command = lab_command(root, port=9001)
    assert f"--ServerApp.root_dir={root}" in command
    assert "--LabApp.default_url=/lab/tree/work" in command
    assert "--ServerApp.port=9001" in command
    assert "--no-browser" in command
    assert "--LabApp.news_url=None" in command
    shutil.rmtree(root / "work")


def test_kernels_get_threads_that_sleep(root):
    seen = {}
    run_lab(root, browser=False, call=lambda command, **options: seen.update(options) or 0)
    assert seen["cwd"] == root
    assert seen["env"]["OMP_WAIT_POLICY"] == "PASSIVE"
    assert int(seen["env"]["OMP_NUM_THREADS"]) >= 1


def test_jupyterlab_asks_the_reader_nothing(root, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/of/the/reader")
    seen = {}
    run_lab(root, browser=False, call=lambda command, **options: seen.update(options) or 0)
    own, reader = seen["env"]["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    page = json.loads((Path(own) / "labconfig" / "page_config.json").read_text())
    assert page["disabledExtensions"]["@jupyterlab/apputils-extension:announcements"] is True
    assert reader == "/of/the/reader"
