"""``mlsd ladder video`` and ``mlsd data check`` on a log of interactions, from the outside."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from mlsd import cli
from mlsd.experiments import ledger

SPEC = """
{case}
name = "my-films"
[table]
path = "{path}"
[columns]
user = "who"
item = "film"
time = "ts"
[split]
kind = "leave-last-out"
[lists]
k = 5
"""


@pytest.fixture
def pairs():
    generator = np.random.default_rng(4)
    film = np.concatenate([generator.permutation(40)[:8] for _ in range(120)])
    return pd.DataFrame({"who": np.repeat(np.arange(120), 8), "film": film, "ts": range(960)})


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, pairs):
    """Write the table and its spec, and run a command on it."""

    def command(*arguments, table=pairs, path="plays.csv", case='case = "video"'):
        table.to_csv(tmp_path / "plays.csv", index=False)
        (tmp_path / "films.toml").write_text(SPEC.format(path=path, case=case))
        spec = ("--spec", str(tmp_path / "films.toml"))
        monkeypatch.setattr(sys, "argv", ["mlsd", *map(str, arguments), *spec])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, capsys.readouterr()

    return command


@pytest.mark.parametrize("case", ['case = "video"', ""])
def test_a_log_of_ones_own_gives_a_table_and_json(run, tmp_path, case):
    out = tmp_path / "ledger.json"
    rungs = "popularity,decayed_popularity"
    options = ("--seeds", "0", "--rungs", rungs, "--out", out)
    code, printed = run("ladder", "video", *options, case=case)
    assert code == 0
    assert "Recall@5 [95 %]" in printed.out
    assert "lists: the 5 best of all items" in printed.err
    document = json.loads(out.read_text())
    assert document["rows"] == {"train": 720, "validation": 120, "test": 120}
    assert [rung["rung"] for rung in document["rungs"]] == ["popularity", "decayed_popularity"]
    assert document["rungs"][0]["intervals"]["coverage@5"] is None
    assert document["split"] == "each user's last by time, ties in the order of the file"


def test_check_says_back_what_was_understood(run):
    code, printed = run("data", "check")
    assert code == 0
    assert "rows: 960 interactions; train 720, validation 120, test 120" in printed.out
    assert "users: 120 in 'who'" in printed.out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "nothing.csv"}, "no such file"),
        ({"film": "title"}, "plays.csv: column 'film' is missing"),
        ({"ts": "soon"}, "plays.csv: row 2, column 'ts' is 'soon'"),
        ({"who": ""}, "plays.csv: row 2, column 'who' is empty"),
    ],
)
@pytest.mark.parametrize("command", [("ladder", "video"), ("data", "check")])
def test_bad_input_is_one_line_and_exit_code_two(run, pairs, command, change, message):
    options = dict(change)
    table = pairs.astype(object)
    for column in [name for name in change if name in table]:
        value = options.pop(column)
        if value == "title":
            table = table.rename(columns={column: value})
        else:
            table.loc[0, column] = value
    code, printed = run(*command, table=table, **options)
    assert code == 2
    assert message in printed.err
    assert len(printed.err.strip().splitlines()) == 1


def test_interactions_belong_to_their_own_case(run):
    code, printed = run("ladder", "ad_click")
    assert code == 2
    assert "belongs to case 'video', not to 'ad_click'" in printed.err


def test_a_public_set_writes_its_own_ledger(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "data" / "movielens-1m-lcf"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(1)
    film = np.argsort(generator.random((30, 20)), axis=1)
    for part, places in {"train": (0, 8), "validation": (8, 9), "test": (9, 11)}.items():
        chosen = film[:, slice(*places)]
        table = {"user": np.repeat(np.arange(30), chosen.shape[1]), "item": chosen.ravel()}
        pd.DataFrame(table).to_parquet(folder / f"{part}.parquet")
    monkeypatch.setenv("MLSD_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "ledgers").mkdir()
    monkeypatch.setattr(ledger, "project_root", lambda: tmp_path)
    rungs = ["--rungs", "popularity,decayed_popularity"]
    arguments = ["ladder", "video", "--dataset", "movielens-1m-lcf", "--seeds", "0,1", "--commit"]
    monkeypatch.setattr(sys, "argv", ["mlsd", *arguments, *rungs])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code, capsys.readouterr().err
    written = pd.read_csv(tmp_path / "data" / "ledgers" / "video.movielens-1m-lcf.csv")
    assert written["rung"].tolist() == ["popularity"]
    assert {"recall@20", "ndcg@20_low", "coverage@20", "validation_ndcg@20"} <= set(written)
    assert "skipped decayed_popularity: the log lacks a time" in capsys.readouterr().out
