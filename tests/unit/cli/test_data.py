import sys
from dataclasses import replace

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


@pytest.mark.parametrize("command", ["list", "card", "fetch"])
def test_help_gives_an_example(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"mlsd data {command}" in result.stdout
