"""A long loop says how far it is, and leaves nothing behind."""

from nbformat import v4

from mlsd.course.execution import execute_notebook
from mlsd.notebook import progress, track
from mlsd.runtime import project_root

# What runs a notebook says that nobody reads it; these cells are read.
LOOP = """\
import os
os.environ.pop("MLSD_GUESSES", None)
from mlsd.notebook import progress, track
progress.PATIENCE_SECONDS = -1
lines, written = [], progress.progress_line
progress.progress_line = lambda *said: lines.append(said) or written(*said)
squares = [number**2 for number in track(range(5), "squaring")]
"""


def run(tmp_path, *cells):
    notebook = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
    execute_notebook(notebook, folder=tmp_path, root=project_root(), where="x.py")
    return notebook.cells


def test_outside_a_notebook_nothing_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0)
    assert list(track("abc", "spelling")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_where_nobody_reads_nothing_is_printed(tmp_path):
    unread = LOOP.replace('os.environ.pop("MLSD_GUESSES", None)\n', "")
    loop, after = run(tmp_path, unread, "print(squares, len(lines))")
    assert loop.outputs == []
    assert after.outputs[0].text == "[0, 1, 4, 9, 16] 0\n"


def test_in_a_kernel_the_line_is_gone_at_the_end(tmp_path):
    loop, after = run(tmp_path, LOOP, "print(squares, len(lines))")
    assert loop.outputs == []
    assert after.outputs[0].text == "[0, 1, 4, 9, 16] 5\n"


EARLY = (
    LOOP
    + """\
for number in track(range(5), "squaring"):
    if number == 3:
        break
"""
)
TRAINED = """\
import numpy as np
from mlsd.models import DeepFM
y = np.arange(400) % 2
model = DeepFM(categorical=("ad",), epochs=2, progress=True)
_ = model.fit({"ad": y.astype(str)}, y)
"""


def test_a_loop_that_is_left_and_a_training_leave_no_line_either(tmp_path):
    early, lines, trained, after = run(
        tmp_path, EARLY, "print(len(lines))", TRAINED, "print(len(lines))"
    )
    assert early.outputs == trained.outputs == []
    assert lines.outputs[0].text == "9\n"
    assert after.outputs[0].text == "11\n"


def test_a_line_is_not_taken_from_a_later_cell(tmp_path):
    held = LOOP + "rest = track(range(5))\nfirst = next(rest)"
    _, later = run(tmp_path, held, "print(first)\nrest.close()")
    assert later.outputs[0].text == "0\n"


def test_a_generator_without_a_length_is_counted(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", -1)
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    assert list(track((n for n in range(3)), "trying", total=3)) == [0, 1, 2]
    assert "trying: 2 of 3, about" in capsys.readouterr().out
    assert list(track(n for n in range(3))) == [0, 1, 2]
    assert "\r2 " in capsys.readouterr().out


def test_the_line_counts_what_is_done_and_not_what_is_begun(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", -1)
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    list(track("abc", "trying"))
    lines = capsys.readouterr().out.split("\rtrying: ")[1:]
    assert [line[:6] for line in lines] == ["0 of 3", "1 of 3", "2 of 3"]
