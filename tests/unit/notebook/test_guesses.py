"""A guess and its result, side by side: what is printed, and what is kept."""

import json
import os

import pytest

from mlsd.notebook import compare, guess, guesses, read_guesses, records
from mlsd.notebook.guesses import judge
from mlsd.runtime import InputError


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Return the file of guesses; every test begins with a fresh notebook and a fresh file."""
    for variable in ("MLSD_GUESSES", "MLSD_GRADING", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    fresh_notebook(monkeypatch)
    return tmp_path / "work" / "guesses.json"


def fresh_notebook(monkeypatch):
    monkeypatch.setattr(guesses, "_asked", {})
    monkeypatch.setattr(guesses, "_unkept", {})


def said(capsys):
    return capsys.readouterr().out.splitlines()


def test_nothing_is_written_while_the_dots_stand(kept, capsys):
    guess("share_of_new", unit="%")
    guess("revenue", choices=("less", "more"))
    compare("share_of_new", 12.0)
    compare("revenue", "less")
    assert said(capsys) == [
        "share of new: replace ... with a number (%), or a range (low, high)",
        "revenue: replace ... with one of 'less', 'more'",
        "share of new: 12 % (you made no guess)",
        "revenue: less (you made no guess)",
    ]
    assert not kept.parent.exists()


@pytest.mark.parametrize(
    ("made", "result", "verdict", "sentence"),
    [
        (10, 14.0, "close", "you guessed 10 %, it is 14 %: close"),
        (10, 16.0, "off", "you guessed 10 %, it is 16 %: not close"),
        (-10.0, 14.0, "off", "you guessed -10 %, it is 14 %: not close"),
        ((10, 20), 14.0, "right", "you guessed 10 to 20 %, it is 14 %: right"),
        ([20, 10], 20.0, "right", "you guessed 10 to 20 %, it is 20 %: right"),
        ((10, 20), 21.0, "off", "you guessed 10 to 20 %, it is 21 %: not close"),
    ],
)
def test_a_number_or_a_range_is_judged_and_kept(kept, capsys, made, result, verdict, sentence):
    guess("rise", made, unit="%")
    compare("rise", result)
    assert said(capsys)[-1] == f"rise: {sentence}"
    record = read_guesses()["rise"]
    assert (record.result, record.verdict, record.unit) == (result, verdict, "%")
    assert kept.is_file()


@pytest.mark.parametrize(("result", "verdict"), [("less", "off"), ("more", "right")])
def test_a_choice_is_right_or_not(result, verdict):
    guess("revenue", "more", choices=("less", "more"))
    compare("revenue", result)
    assert read_guesses()["revenue"].verdict == verdict


def test_a_result_near_zero_is_close_within_what_the_author_says():
    assert judge(0.0, 0.4) == "off"
    assert judge(0.0, 0.4, within=0.5) == "close"
    assert judge(0.0, -0.6, within=0.5) == judge(0.0, 0.6, within=0.5) == "off"
    assert judge(0.0, 0.0) == "close"


def test_a_guess_may_change_until_its_result_is_known(capsys):
    guess("rise", 3)
    guess("rise", 4)
    compare("rise", 8.0)
    guess("rise", 8)
    compare("rise", 8.0)
    assert said(capsys)[-2:] == [
        "rise: your first guess counts, 4: its result is known",
        "rise: you guessed 4, it is 8: not close",
    ]
    assert read_guesses()["rise"].guess == 4


def test_the_first_comparison_counts():
    guess("rise", 4)
    compare("rise", 8.0)
    compare("rise", 4.0)
    assert (read_guesses()["rise"].result, read_guesses()["rise"].verdict) == (8, "off")


@pytest.mark.parametrize(
    "made", ["much", True, (1, 2, 3), (1, "b"), float("nan"), (0, float("inf")), None]
)
def test_what_cannot_be_a_guess_is_answered_and_not_kept(kept, capsys, made):
    guess("rise", made)
    assert said(capsys)[0].startswith(f"rise: {made!r} is not a number, or a range")
    assert not kept.exists()


def test_a_result_outside_the_choices_is_the_authors_mistake():
    guess("revenue", choices=("less", "more"))
    with pytest.raises(InputError, match="'the same' is not one of 'less', 'more'"):
        compare("revenue", "the same")


def test_a_fresh_kernel_knows_the_guess_and_its_unit(capsys, monkeypatch):
    guess("rise", 4, unit="%")
    fresh_notebook(monkeypatch)
    compare("rise", 5.0)
    assert said(capsys)[-1] == "rise: you guessed 4 %, it is 5 %: close"


def test_two_notebooks_keep_each_others_guesses(kept, monkeypatch):
    guess("rise", 4)
    fresh_notebook(monkeypatch)
    guess("fall", 5)
    assert list(read_guesses()) == ["rise", "fall"]


def test_notebooks_that_write_at_the_same_moment_lose_nothing(kept):
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            guess(f"rise_{number}", number)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert len(read_guesses()) == 8
    assert [path.name for path in kept.parent.iterdir()] == ["guesses.json"]


@pytest.mark.parametrize("text", ["{", "[1]", '{"rise": 3}', '{"rise": {"unit": "%"}}'])
def test_a_broken_file_is_left_alone_and_the_guess_holds_in_its_notebook(kept, capsys, text):
    kept.parent.mkdir()
    kept.write_text(text)
    guess("rise", 4)
    compare("rise", 5.0)
    lines = said(capsys)
    assert "is not a file of guesses; move it away" in lines[0]
    assert lines[1] == "rise: you guessed 4, it is 5: close"
    assert kept.read_text() == text


def test_where_nothing_can_be_written_the_guess_holds_in_its_notebook(kept, capsys):
    kept.parent.write_text("a file where the folder should be")
    guess("rise", 4)
    compare("rise", 5.0)
    lines = said(capsys)
    assert lines[0].startswith("rise: your guess is 4 (not kept beyond this notebook: ")
    assert lines[1] == "rise: you guessed 4, it is 5: close"


@pytest.mark.parametrize(
    "variable",
    [("MLSD_GUESSES", "off"), ("MLSD_GRADING", "1"), ("NBGRADER_EXECUTION", "autograde")],
)
def test_what_is_built_or_graded_reads_and_keeps_nothing(kept, capsys, monkeypatch, variable):
    guess("rise", 4)
    before = kept.read_text()
    fresh_notebook(monkeypatch)
    monkeypatch.setenv(*variable)
    compare("rise", 5.0)
    guess("fall", 5)
    assert said(capsys)[-2] == "rise: 5 (you made no guess)"
    assert kept.read_text() == before


def test_the_file_can_be_read_by_people(kept):
    guess("rise", (3, 4), unit="%")
    entry = {"guess": [3.0, 4.0], "unit": "%", "result": None, "verdict": ""}
    assert json.loads(kept.read_text()) == {"rise": entry}
