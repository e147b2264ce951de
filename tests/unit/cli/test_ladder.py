"""``mlsd ladder`` from the outside: the reader's own log, and every way in which it can be bad."""

import gzip
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest

from mlsd import cli
from mlsd.cases import registry

OLD_LEDGER = json.dumps(
    {"case": "ad_click", "dataset": "old", "seeds": [], "rows": {}, "split": "", "rungs": []}
    | {"skipped": []}
)
SPEC = """
case = "ad_click"
name = "my-log"
[table]
path = "{path}"
[columns]
label = "click"
time = "ts"
user = "user_id"
item = "ad_id"
categorical = ["device"]
{more}
[split]
kind = "time"
parts = [0.6, 0.2, 0.2]
"""


def make_table(rows=400):
    generator = np.random.default_rng(3)
    ad = generator.integers(5, size=rows)
    return pd.DataFrame(
        {
            "click": (generator.random(rows) < 0.1 + 0.1 * ad).astype(int),
            "ts": np.arange(rows) * 60,
            "user_id": generator.integers(40, size=rows),
            "ad_id": ad,
            "device": generator.choice(["phone", "desk"], rows),
        }
    )


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["mlsd", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    code = stop.value.code or 0
    return code, capsys.readouterr()


def write_spec(folder, path="log.csv", more="", text=None):
    spec = folder / "log.toml"
    spec.write_text(text or SPEC.format(path=path, more=more))
    return spec


def test_own_log_gives_a_table_and_json(tmp_path, monkeypatch, capsys):
    make_table().to_csv(tmp_path / "log.csv", index=False)
    arguments = ("--seeds", "0", "--rungs", "global_rate,smoothed_ad,hashed_lr,oracle")
    code, printed = run(
        monkeypatch, capsys, "ladder", "ad_click", "--spec", write_spec(tmp_path),
        "--out", tmp_path / "ledger.json", *arguments,
    )  # fmt: skip
    assert code == 0
    assert "smoothed_ad" in printed.out
    assert "skipped oracle" in printed.out
    document = json.loads((tmp_path / "ledger.json").read_text())
    assert document["dataset"] == "my-log"
    assert document["rows"] == {"train": 240, "validation": 80, "test": 80}
    assert [rung["rung"] for rung in document["rungs"]] == arguments[3].split(",")[:3]
    assert len(document["rungs"][1]["vs_previous"]["log_loss"]) == 3


def test_a_ladder_of_which_no_rung_can_be_climbed_is_one_line(tmp_path, monkeypatch, capsys):
    make_table().to_csv(tmp_path / "log.csv", index=False)
    code, printed = run(
        monkeypatch, capsys, "ladder", "ad_click", "--spec", write_spec(tmp_path),
        "--out", tmp_path / "ledger.json", "--rungs", "oracle",
    )  # fmt: skip
    assert code == 2
    assert "my-log: no rung can be climbed; oracle: the log lacks a world" in printed.err
    assert not (tmp_path / "ledger.json").exists()


def test_an_empty_design_is_not_the_default_one(monkeypatch, capsys):
    arms = ("--control", "global_rate", "--treatment", "smoothed_ad")
    code, printed = run(monkeypatch, capsys, "ab", "ad_click", *arms, "--design", "")
    assert code == 2
    assert "unknown design ''; choose among user" in printed.err


def broken_tables():
    table = make_table()
    header = ",".join(table)
    lines = table.to_csv(index=False).splitlines()
    return {
        "text label": table.assign(click="yes").to_csv(index=False),
        "label of two": table.assign(click=2).to_csv(index=False),
        "all-zero label": table.assign(click=0).to_csv(index=False),
        "missing column": table.drop(columns="device").to_csv(index=False),
        "empty table": header + "\n",
        "empty file": "",
        "too few fields": "\n".join([*lines[:7], "1,2", *lines[7:]]),
        "too many fields": "\n".join([*lines[:7], lines[7] + ",9", *lines[8:]]),
        "NaN in a time": table.assign(ts=[np.nan, *range(399)]).to_csv(index=False),
        "duplicate column": "\n".join([header + ",click", *(line + ",0" for line in lines[1:])]),
    }


@pytest.mark.parametrize("name", broken_tables())
def test_a_broken_table_is_one_line_that_names_the_file(name, tmp_path, monkeypatch, capsys):
    (tmp_path / "log.csv").write_text(broken_tables()[name])
    out = tmp_path / "ledger.json"
    out.write_text(OLD_LEDGER)
    spec = write_spec(tmp_path)
    code, printed = run(monkeypatch, capsys, "ladder", "ad_click", "--spec", spec, "--out", out)
    assert code == 2
    assert printed.err.count("\n") == 1
    assert "log.csv" in printed.err
    assert "Traceback" not in printed.err
    assert out.read_text() == OLD_LEDGER
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ledger.json", "log.csv", "log.toml"]


@pytest.mark.parametrize(("name", "row"), [("too few fields", "8"), ("NaN in a time", "2")])
def test_a_broken_row_is_named(name, row, tmp_path, monkeypatch, capsys):
    (tmp_path / "log.csv").write_text(broken_tables()[name])
    _, printed = run(monkeypatch, capsys, "ladder", "ad_click", "--spec", write_spec(tmp_path))
    assert row in printed.err


def test_a_missing_file_a_folder_and_truncated_files(tmp_path, monkeypatch, capsys):
    whole = tmp_path / "whole.parquet"
    make_table().to_parquet(whole)
    (tmp_path / "cut.parquet").write_bytes(whole.read_bytes()[:-100])
    packed = gzip.compress(make_table().to_csv(index=False).encode())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "folder.csv").mkdir()
    for path in ("none.csv", "folder.csv", "cut.parquet", "cut.csv.gz"):
        spec = write_spec(tmp_path, path)
        code, printed = run(monkeypatch, capsys, "ladder", "ad_click", "--spec", spec)
        assert code == 2, path
        assert path in printed.err
        assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SPEC.format(path="log.csv", more='colour = "red"'), "colour"),
        ("case = [", "log.toml"),
        ('case = "ad_click"\nname = "x"\n', "log.toml"),
    ],
)
def test_a_broken_spec_is_one_line(text, message, tmp_path, monkeypatch, capsys):
    make_table().to_csv(tmp_path / "log.csv", index=False)
    spec = write_spec(tmp_path, text=text)
    code, printed = run(monkeypatch, capsys, "ladder", "ad_click", "--spec", spec)
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("video_clicks",), "case 'video_clicks' is unknown; choose among ad_click"),
        (("fraud",), "case 'fraud' is not built yet; choose among ad_click"),
        (("ad_click", "--dataset", "movielens-100k"), "belongs to case 'video', not to 'ad_click'"),
        (("ad_click", "--dataset", "nope"), "nope"),
        (("ad_click", "--seeds", "1,x"), "--seeds"),
        (("ad_click", "--seeds", "1,4294967296"), "4294967296 is too large"),
        (("ad_click", "--seeds", "1,0,1"), "--seeds '1,0,1': 1 stands there twice"),
        (("ad_click", "--seeds", ""), "give whole numbers"),
        (("ad_click", "--rungs", "nope"), "unknown rung"),
        (("ad_click", "--rungs", "lightgmb"), "did you mean 'lightgbm'?"),
        (("ad_click", "--rungs", ""), "--rungs '': name one at least"),
        (
            ("ad_click", "--rungs", "ftrl,fm,ftrl"),
            "--rungs 'ftrl,fm,ftrl': ftrl stands there twice",
        ),
        (("ad_click", "--rungs", " , "), "name one at least"),
        (("ad_click", "--spec", "a.toml", "--size", "small"), "--size does not go with --spec"),
        (("ad_click", "--spec", "a.toml", "--variant", "x"), "--variant does not go with --spec"),
        (("ad_click", "--dataset", "x", "--deploy-days", "3"), "--deploy-days does not go with"),
        (("ad_click", "--spec", "a.toml", "--commit"), "--out keeps the ledger of your own log"),
        (("ad_click", "--keep", __file__), "is a file; give the name of a folder"),
        (("ad_click", "--spec", "no.toml"), "no.toml"),
        (("ad_click", "--dataset", ""), "--dataset is empty; give a name"),
        (("ad_click", "--size", ""), "--size is empty; give a name"),
        (("ad_click", "--spec", "a.toml", "--dataset", "b"), "exclude each other"),
        (("ad_click", "--out", os.curdir), "is a folder"),
        (("ad_click", "--variant", "nope", "--rungs", "global_rate"), "unknown variant"),
        (("ad_click", "--size", "nope", "--rungs", "global_rate"), "unknown size"),
    ],
)
def test_bad_arguments_are_one_line(arguments, message, monkeypatch, capsys):
    monkeypatch.delitem(registry._LOADERS, "fraud", raising=False)
    code, printed = run(monkeypatch, capsys, "ladder", *arguments)
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(("case", "code"), [("fraud", 2), ("ad_click", 0), (None, 0)])
def test_a_spec_of_another_case_is_refused(case, code, tmp_path, monkeypatch, capsys):
    make_table().to_csv(tmp_path / "log.csv", index=False)
    line = f'case = "{case}"' if case else ""
    text = SPEC.format(path="log.csv", more="").replace('case = "ad_click"', line)
    out = tmp_path / "ledger.json"
    found, printed = run(
        monkeypatch, capsys, "ladder", "ad_click", "--spec", write_spec(tmp_path, text=text),
        "--rungs", "global_rate", "--seeds", "0", "--out", out,
    )  # fmt: skip
    assert found == code
    assert out.exists() == (code == 0)
    if code:
        assert printed.err.count("\n") == 1
        assert "log.toml belongs to case 'fraud', not to 'ad_click'" in printed.err


def test_an_ab_test_of_another_case_is_refused(monkeypatch, capsys):
    code, printed = run(
        monkeypatch, capsys, "ab", "fraud", "--control", "global_rate", "--treatment", "smoothed_ad"
    )
    assert code == 2
    assert "case 'fraud' is not built yet" in printed.err


def test_the_rung_that_validation_chooses_is_marked_in_print_and_json(
    tmp_path, monkeypatch, capsys
):
    make_table().to_csv(tmp_path / "log.csv", index=False)
    code, printed = run(
        monkeypatch, capsys, "ladder", "ad_click", "--spec", write_spec(tmp_path),
        "--out", tmp_path / "ledger.json", "--seeds", "0", "--rungs", "global_rate,smoothed_ad",
    )  # fmt: skip
    assert code == 0
    rungs = json.loads((tmp_path / "ledger.json").read_text())["rungs"]
    (chosen,) = [rung for rung in rungs if rung["selected"]]
    assert chosen["validation_log_loss"] == min(rung["validation_log_loss"] for rung in rungs)
    assert printed.out.count("*") == 2
    assert f"{chosen['rung']} *" in printed.out


def test_kept_runs_are_made_again_after_a_change_of_spec_or_rows(tmp_path, monkeypatch, capsys):
    def metrics_of(spec, *options):
        out = tmp_path / "ledger.json"
        code, _ = run(
            monkeypatch, capsys, "ladder", "ad_click", "--spec", spec, "--out", out,
            "--seeds", "0", "--rungs", "hashed_lr", *options,
        )  # fmt: skip
        assert code == 0
        return json.loads(out.read_text())["rungs"][0]["metrics"]

    keep = ("--keep", tmp_path / "runs")
    table = make_table()
    table.to_csv(tmp_path / "log.csv", index=False)
    spec = write_spec(tmp_path)
    first = metrics_of(spec, *keep)
    assert metrics_of(spec, *keep) == first
    fewer = write_spec(
        tmp_path, text=SPEC.format(path="log.csv", more="").replace('item = "ad_id"', "")
    )
    assert metrics_of(fewer, *keep) == metrics_of(fewer) != first
    table.loc[:99, "click"] = 1 - table.loc[:99, "click"]
    table.to_csv(tmp_path / "log.csv", index=False)
    spec = write_spec(tmp_path)
    assert metrics_of(spec, *keep) == metrics_of(spec) != first


def test_an_interrupted_ladder_writes_nothing(tmp_path, monkeypatch, capsys):
    from mlsd import experiments

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "summarise_ladder", interrupt)
    make_table().to_csv(tmp_path / "log.csv", index=False)
    out = tmp_path / "ledger.json"
    out.write_text(OLD_LEDGER)
    code, printed = run(
        monkeypatch, capsys, "ladder", "ad_click", "--spec", write_spec(tmp_path),
        "--rungs", "global_rate", "--seeds", "0", "--out", out,
    )  # fmt: skip
    assert code == 130
    assert "interrupted; nothing was written; with --keep FOLDER it would go on" in printed.err
    assert out.read_text() == OLD_LEDGER


@pytest.mark.parametrize("command", ["ladder", "ab", "doctor", "lab", "data", "course"])
def test_help_gives_an_example(command, monkeypatch, capsys):
    code, printed = run(monkeypatch, capsys, command, "--help")
    assert code == 0
    assert f"mlsd {command}" in printed.out.replace("\n", " ")
    assert "Usage" in printed.out


def test_an_ab_test_prints_the_estimate_beside_the_truth(monkeypatch, capsys):
    code, printed = run(
        monkeypatch, capsys, "ab", "ad_click", "--control", "global_rate",
        "--treatment", "smoothed_ad", "--days", "1", "--size", "small",
    )  # fmt: skip
    assert code == 0
    assert "true lift" in printed.out
    assert "revenue" in printed.out
    assert "click_through_rate" in printed.out
    assert "…" not in printed.out
