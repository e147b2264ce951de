"""A new chapter or lab passes its gates, and never replaces what is there."""

import shutil
import subprocess
import sys

import pytest

from mlsd.course.gates import check_course
from mlsd.course.scaffold import scaffold
from mlsd.runtime import InputError, project_root

CASE = "01_ad_click_prediction"


def test_what_is_there_is_not_replaced(project):
    before = project.lab.source.read_bytes()
    with pytest.raises(InputError, match="lab_20_measure.py: is already there"):
        scaffold(project.root, CASE, "lab_20_measure")
    assert project.lab.source.read_bytes() == before


@pytest.mark.parametrize("name", ["baseline", "20", "20-baseline", "lab_baseline", "20_Baseline"])
def test_names_follow_the_pattern(tmp_path, name):
    with pytest.raises(InputError, match="name it like"):
        scaffold(tmp_path, CASE, name)
    with pytest.raises(InputError, match="name it like 01_ad_click_prediction"):
        scaffold(tmp_path, "ads", "20_baseline")


def test_a_chapter_that_comes_after_its_lab_names_it(tmp_path):
    scaffold(tmp_path, CASE, "lab_30_rank")
    source, lab = scaffold(tmp_path, CASE, "30_rank")
    assert "labs: [lab_30_rank]" in source.read_text(encoding="utf-8")
    assert f"[30_rank](../../notebooks/{CASE}/30_rank.ipynb)" in lab.read_text(encoding="utf-8")


def test_a_chapter_without_a_lab_says_so_until_there_is_one(tmp_path):
    (source,) = scaffold(tmp_path, CASE, "30_rank")
    assert "This chapter has no lab." in source.read_text(encoding="utf-8")
    assert source in scaffold(tmp_path, CASE, "lab_30_rank")
    text = source.read_text(encoding="utf-8")
    assert "This chapter has no lab." not in text
    assert "labs: [lab_30_rank]" in text


def test_two_scaffolded_chapters_do_not_clash(project):
    scaffold(project.root, CASE, "30_calibrate")
    messages = [str(problem) for problem in check_course(project.root)]
    assert not any("introduces" in message or "needs" in message for message in messages)


def ruff(root, *arguments):
    command = [sys.executable, "-m", "ruff", *arguments, "."]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("case", "topic"),
    [(CASE, "rank"), ("03_event_recommendation", "find_what_is_on_near_the_user_this_week")],
)
def test_what_is_written_passes_lint(tmp_path, case, topic):
    shutil.copy(project_root() / "pyproject.toml", tmp_path)
    for package in ("notebook", "plots"):  # By these ruff knows whose imports they are.
        (tmp_path / "labs" / "mlsd" / package).mkdir(parents=True)
    scaffold(tmp_path, case, f"30_{topic}")
    scaffold(tmp_path, case, f"lab_30_{topic}")
    assert len(list(tmp_path.rglob("*.py"))) == 4
    for arguments in (["check"], ["format", "--check"]):
        done = ruff(tmp_path, *arguments)
        assert done.returncode == 0, done.stdout
