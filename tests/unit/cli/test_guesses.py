"""``mlsd guesses``: calibration by chapter, a card, and guesses taken back."""

import subprocess
import sys

import pytest
from nbformat import v4
from typer.testing import CliRunner

from mlsd.cli import build_app
from mlsd.cli import guesses as command
from mlsd.course.layout import Unit
from mlsd.course.notebooks import write_notebook
from mlsd.notebook import GuessRecord, changing_guesses, read_guesses, records
from mlsd.notebook.calibration import Calibration, calibrate
from mlsd.runtime import InputError

CASE = "01_ad_click_prediction"
GUESSES = {
    "share": GuessRecord(10.0, "%", result=20.0, verdict="off"),
    "loss": GuessRecord(0.5, "", result=0.4, verdict="close"),
    "sign": GuessRecord(-1.0, "", result=2.0, verdict="off"),
    "range": GuessRecord((1.0, 2.0), "", result=1.5, verdict="right"),
    "wide": GuessRecord((1.0, 2.0), "", result=3.5, verdict="off"),
    "order": GuessRecord("more", "", result="more", verdict="right"),
    "later": GuessRecord(3.0),
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("MLSD_GUESSES", raising=False)
    for module in (command, records):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    for name, asked in (("20_baseline", ("share", "loss", "order")), ("30_count", ("range",))):
        cells = [v4.new_code_cell(f'guess("{guess}", ...)') for guess in asked]
        write_notebook(v4.new_notebook(cells=cells), Unit(tmp_path, "chapter", CASE, name).notebook)
    return lambda *arguments: CliRunner().invoke(build_app(), ["guesses", *arguments])


@pytest.fixture
def guessed(run):
    with changing_guesses() as kept:
        kept.update(GUESSES)
    return run


def test_without_guesses_it_is_one_friendly_line(run, tmp_path):
    found = run()
    assert (found.exit_code, len(found.stdout.splitlines())) == (0, 1)
    assert found.stdout.startswith("no guesses yet: replace the dots")
    assert not (tmp_path / "work").exists()


def test_guesses_are_counted():
    found = calibrate(GUESSES.items())
    assert (found.choices, found.right, found.numbers, found.close) == (1, 1, 3, 1)
    assert (found.ranges, found.held, found.waiting, found.compared) == (2, 1, ("later",), 6)
    assert found.factors == (0.5, 1.25)
    assert found.typical_factor == pytest.approx((2 * 1.25) ** 0.5)
    assert (found.too_low, found.too_high) == (1, 1)


@pytest.mark.parametrize(
    ("held", "ranges", "verdict"),
    [(0, 0, ""), (0, 1, ""), (0, 2, "too narrow"), (8, 10, ""), (13, 13, ""), (14, 14, "too wide")],
)
def test_ranges_are_blamed_only_where_chance_does_not_explain_it(held, ranges, verdict):
    assert Calibration(ranges=ranges, held=held).ranges_are == verdict


def test_the_table_goes_by_chapter(guessed):
    lines = guessed().stdout.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    rows = {row[0]: row[1:] for row in cells}
    assert rows["ad_click/20_baseline"] == ["3", "1 of 1", "1 of 2", "1.6x", "-"]
    assert rows["ad_click/30_count"] == ["1", "-", "-", "-", "1 of 1"]
    assert rows["a notebook of your own"] == ["2", "-", "0 of 1", "-", "0 of 1"]
    assert rows["all"] == ["6", "1 of 1", "1 of 3", "1.6x", "1 of 2"]
    assert max(map(len, lines[:4])) <= 80
    assert "Numbers were off by a factor of 1.6 on average: 1 too high, 1 too low." in lines
    assert (
        "1 of 2 ranges held the result where 80 % were meant: chance alone may explain it." in lines
    )
    assert lines[-1] == "not compared yet: later"


@pytest.mark.parametrize("name", ["card.md", "card.html"])
def test_a_card_is_written_and_written_again(guessed, tmp_path, name):
    for _ in range(2):
        assert guessed("--export", str(tmp_path / name)).exit_code == 0
    text = (tmp_path / name).read_text()
    assert "My guesses in the ML System Design Workbook" in text
    assert "off by a factor of 1.6" in text
    assert "ad_click/30_count" in text


def test_a_card_replaces_nothing_else(guessed, tmp_path):
    (tmp_path / "notes.md").write_text("# Mine")
    for path, message in (
        ("notes.md", "is there already and is no card"),
        ("card.pdf", "end its name in .md or .html"),
        ("notes.md/card.md", "cannot be written"),
    ):
        found = guessed("--export", str(tmp_path / path))
        assert isinstance(found.exception, InputError)
        assert message in str(found.exception)
    assert (tmp_path / "notes.md").read_text() == "# Mine"


def test_a_guess_can_be_taken_back(guessed):
    assert guessed("--forget", "share").stdout == "forgot share\n"
    assert list(read_guesses()) == [name for name in GUESSES if name != "share"]
    unknown = guessed("--forget", "share")
    assert "there is no guess called 'share'; you made loss" in str(unknown.exception)


def test_bad_input_is_one_line_and_exit_code_2():
    command = [sys.executable, "-c", "from mlsd.cli import main; main()", "guesses"]
    done = subprocess.run([*command, "--forget", "no such"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mlsd: there is no guess called 'no such'")
    assert done.stderr.count("\n") == 1
