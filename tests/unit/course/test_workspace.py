import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from nbformat import v4

from mlsd.course import workspace
from mlsd.course.layout import glossary_path, make_unit
from mlsd.course.notebooks import read_notebook, write_notebook
from mlsd.course.workspace import Server, copy_workspace, lab_command, plan_server, run_lab
from mlsd.runtime import InputError, project_root

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


def test_links_between_copies_lead_to_copies(root):
    text = (
        f"[lab](../../labs/{CASE}/lab_20_baseline.ipynb), [b](../../notebooks/{CASE}/30_b.ipynb#c),"
        f" [c](20_baseline.ipynb), [s](../../solutions/{CASE}/lab_20_baseline.ipynb),"
        " [code](../../labs/mlsd/plots/style.py)"
    )
    notebook = chapter()
    notebook.cells.append(v4.new_markdown_cell(text))
    write_notebook(notebook, make_unit(root, CASE, "20_baseline").notebook)
    (copy, _) = copy_workspace(root).added
    assert read_notebook(copy).cells[1].source == (
        f"[lab](../{CASE}/lab_20_baseline.ipynb), [b](../{CASE}/30_b.ipynb#c),"
        f" [c](20_baseline.ipynb), [s](../../solutions/{CASE}/lab_20_baseline.ipynb),"
        " [code](../../labs/mlsd/plots/style.py)"
    )
    assert copy_workspace(root).outdated == ()


def test_the_glossary_is_copied_last_where_it_is(root):
    write_notebook(v4.new_notebook(), glossary_path(root))
    added = copy_workspace(root).added
    assert len(added) == 3
    assert added[-1] == root / "work" / glossary_path(root).relative_to(root / "notebooks")


def test_guesses_are_left_alone(root):
    guesses = root / "work" / "guesses.json"
    guesses.parent.mkdir()
    guesses.write_text("{}")
    copy_workspace(root)
    assert guesses.read_text() == "{}"


def server(root, **changed):
    values = {"port": 9001, "token": "secret", "opens_browser": False} | changed
    return Server(root, **values)


def test_jupyterlab_opens_at_the_first_chapter_and_asks_the_network_nothing(root):
    command = lab_command(server(root))
    assert f"--ServerApp.root_dir={root}" in command
    assert "--LabApp.default_url=/lab/tree/work" in command
    assert "--ServerApp.port=9001" in command
    assert "--no-browser" in command
    assert "--LabApp.news_url=None" in command
    assert not [option for option in command if "secret" in option]
    write_notebook(v4.new_notebook(), root / "work" / workspace.START)
    page = "/lab/tree/work/00_framework/01_start_here.ipynb"
    assert f"--LabApp.default_url={page}" in lab_command(server(root))
    assert server(root).address == f"http://127.0.0.1:9001{page}?token=secret"
    assert "--no-browser" not in lab_command(server(root, opens_browser=True))


def test_the_first_chapter_exists():
    """The constant that names it is that of a source."""
    source = (project_root() / "source" / "notebooks" / workspace.START).with_suffix(".py")
    assert source.is_file()


def test_the_next_free_port_is_taken(root, monkeypatch):
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = plan_server(root, browser=False, port=port)
        assert port < found.port <= port + workspace.PORTS_TRIED
        monkeypatch.setattr(workspace, "PORTS_TRIED", 0)
        with pytest.raises(InputError, match=f"{port} .*taken; choose another with --port"):
            plan_server(root, port=port)
    assert len(found.token) >= 32
    assert plan_server(root, port=0).port > 0


def test_a_host_that_is_not_here_is_one_line(root):
    with pytest.raises(InputError, match=r"192\.0\.2\.1: JupyterLab cannot listen there"):
        plan_server(root, host="192.0.2.1")


def test_a_token_of_the_reader_is_kept(root, monkeypatch):
    monkeypatch.setenv("JUPYTER_TOKEN", "mine")
    assert plan_server(root, port=0).token == "mine"


def test_without_a_browser_none_is_opened(root, monkeypatch):
    monkeypatch.setattr(workspace, "_has_browser", lambda: False)
    assert not plan_server(root, port=0).opens_browser
    monkeypatch.setattr(workspace, "_has_browser", lambda: True)
    assert plan_server(root, port=0).opens_browser
    assert not plan_server(root, port=0, browser=False).opens_browser


def test_kernels_get_threads_that_sleep_and_the_token(root):
    seen = {}
    run_lab(server(root), call=lambda command, **options: seen.update(options) or 0)
    assert seen["cwd"] == root
    assert seen["env"]["OMP_WAIT_POLICY"] == "PASSIVE"
    assert int(seen["env"]["OMP_NUM_THREADS"]) >= 1
    assert seen["env"]["JUPYTER_TOKEN"] == "secret"


def test_the_address_is_told_when_it_answers(root):
    told = threading.Event()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))

        def call(command, **options):
            assert not told.wait(0.5)
            listening.listen()
            assert told.wait(60)
            return 3

        running = server(root, port=listening.getsockname()[1])
        assert run_lab(running, ready=told.set, call=call) == 3


def test_on_ctrl_c_jupyterlab_ends_itself():
    interrupt = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    program = "import time; time.sleep(2); raise SystemExit(5)"
    assert workspace._run([sys.executable, "-c", program]) == 5
    interrupt.join()


def test_jupyterlab_asks_the_reader_nothing_and_shows_no_grader(root, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/of/the/reader")
    seen = {}
    run_lab(server(root), call=lambda command, **options: seen.update(options) or 0)
    own, reader = seen["env"]["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    page = json.loads((Path(own) / "labconfig" / "page_config.json").read_text())
    assert page["disabledExtensions"]["@jupyterlab/apputils-extension:announcements"] is True
    assert page["disabledExtensions"]["@jupyter/nbgrader:validate-assignment"] is True
    assert reader == "/of/the/reader"


def test_it_needs_none_of_the_contributors_packages():
    """Importing everything that `mlsd lab` does brings in none of them."""
    code = (
        "import sys, mlsd.cli; mlsd.cli.build_app(); import mlsd.course.workspace; "
        "print([m for m in mlsd.cli.CONTRIBUTORS_PACKAGES if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
