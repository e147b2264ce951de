import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from mlsd.cli.data import data_app
from mlsd.data import catalogue
from mlsd.runtime import InputError


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*arguments):
        return CliRunner().invoke(data_app, [*map(str, arguments)])

    return invoke


def test_list_shows_every_set_and_which_are_here(run, tmp_path):
    (tmp_path / "criteo-kaggle-8k").mkdir()
    result = run("list", "--root", tmp_path)
    assert result.exit_code == 0
    lines = {line.split()[1]: line for line in result.stdout.splitlines() if " yes " in line
             or " no " in line}  # fmt: skip
    assert set(lines) == set(catalogue())
    assert " yes " in lines["criteo-kaggle-8k"]
    assert " no " in lines["movielens-100k"]


@pytest.mark.parametrize("name", [*catalogue()])
def test_card_prints_the_card(run, name):
    result = run("card", name)
    assert result.exit_code == 0
    assert name in result.stdout
    assert "What it cannot show" in result.stdout


def test_the_card_of_a_world_is_measured_again_on_demand(run, monkeypatch, tmp_path):
    from mlsd.cases import find_case

    case = find_case("ad_click")
    monkeypatch.setattr(sys.modules["mlsd.data.catalogue"], "project_root", lambda: tmp_path)
    monkeypatch.setattr("mlsd.cases.find_case", lambda case_id: replace(case, card=lambda: "# New"))
    result = run("card", "ad_click_world", "--commit")
    assert result.exit_code == 0
    assert "New" in result.stdout
    assert (tmp_path / "data" / "cards" / "ad_click_world.md").read_text() == "# New"


def test_only_worlds_are_measured(run):
    result = run("card", "movielens-100k", "--commit")
    assert isinstance(result.exception, InputError)
    assert "choose among ad_click_world" in str(result.exception)


def test_unknown_names_raise_the_error_that_main_prints(run, tmp_path):
    for arguments in (("card", "nothing"), ("fetch", "nothing", "--root", tmp_path)):
        result = run(*arguments)
        assert isinstance(result.exception, InputError)
        assert "choose among" in str(result.exception)


def test_fetch_from_a_dead_mirror_keeps_nothing(run, tmp_path):
    result = run("fetch", "movielens-100k", "--root", tmp_path, "--mirror", "http://127.0.0.1:9")
    assert isinstance(result.exception, InputError)
    assert "GroupLens" in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["list", "card", "fetch", "check"])
def test_help_gives_an_example(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"mlsd data {command}" in result.stdout


@pytest.fixture
def my_log(tmp_path):
    """Write a log of 4,000 rows, with a column that knows the click where it is asked for."""

    def write(*, leak=False):
        clicks = np.random.default_rng(0).integers(0, 2, 4_000)
        pages = [f"[b]{'kx'[click] if leak else 'k'}{row % 7}" for row, click in enumerate(clicks)]
        times = [1_700_000_000 + 300 * row for row in range(clicks.size)]
        rows = [
            f"{c},{t},u{t % 61},{page}" for c, t, page in zip(clicks, times, pages, strict=True)
        ]
        (tmp_path / "log.csv").write_text("\n".join(["click,ts,user_id,[i]page", *rows]))
        spec = tmp_path / "my-log.toml"
        spec.write_text(
            '[table]\npath = "log.csv"\n[columns]\nlabel = "click"\ntime = "ts"\nuser = "user_id"\n'
        )
        return spec

    return write


@pytest.mark.parametrize(
    ("leak", "strict", "code"), [(False, True, 0), (True, False, 0), (True, True, 1)]
)
def test_check_exits_with_one_only_for_a_warning_that_matters(leak, strict, code, run, my_log):
    result = run("check", "--spec", my_log(leak=leak), *["--strict"] * strict)
    assert result.exit_code == code
    assert "What I understood of my-log" in result.stdout
    assert ("leak: '[i]page' alone has AUC 1.000" in result.stdout) == leak
    assert "[i]page" in result.stdout


def test_check_takes_a_catalogued_set_or_a_spec(run, tmp_path):
    for arguments in ((), ("--spec", "a.toml", "--dataset", "criteo-kaggle-8k")):
        assert "either --spec or --dataset" in str(run("check", *arguments).exception)
    result = run("check", "--dataset", "criteo-kaggle-8k", "--root", tmp_path)
    assert isinstance(result.exception, InputError)
    assert "train.csv not found" in str(result.exception)
