"""The ledger on disk: tidy, whole or not at all."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.cases.ad_click.rungs import AD_CLICK_RUNGS
from mlsd.experiments import ledger
from mlsd.experiments.rungs import select_rungs
from mlsd.experiments.summary import LadderSummary, RowWeights, RungSummary
from mlsd.runtime import InputError


def make_summary(auc=0.7):
    rungs = []
    for rung in select_rungs(AD_CLICK_RUNGS, ["global_rate", "hashed_lr_counters", "oracle"]):
        rungs.append(
            RungSummary(
                rung=rung,
                settings={},
                metrics={"log_loss": 0.1, "normalized_entropy": 0.9, "auc": auc},
                intervals=dict.fromkeys(("log_loss", "normalized_entropy", "auc"), (0.0, 1.0)),
                vs_previous={"log_loss": (-0.01, -0.02, 0.0)},
                vs_ids={"log_loss": (-0.03, -0.04, -0.02)},
                vs_best={"log_loss": (0.05, 0.04, 0.06)},
                costs={"fit_cpu_seconds": 1.5},
                online={"revenue_per_1000": 2.0},
                validation={"f1_threshold": 0.2, "validation_log_loss": 0.11},
                selected=rung.name == "hashed_lr_counters",
            )
        )
    rows = {"train": 8, "validation": 1, "test": 1}
    return LadderSummary("my-log", (1, 2), rows, "by time", rungs, {"smoothed_ad": "no item"})


def test_one_row_a_rung_and_read_back(tmp_path):
    ledger.write_ledger(make_summary(), tmp_path / "l.csv")
    table = pd.read_csv(tmp_path / "l.csv")
    assert table["rung"].tolist() == ["global_rate", "hashed_lr_counters", "oracle"]
    assert table["is_oracle"].tolist() == [False, False, True]
    assert table["selected"].tolist() == [False, True, False]
    assert table["validation_log_loss"].tolist() == [0.11] * 3
    assert table["log_loss_vs_previous_low"].tolist() == [-0.02] * 3
    assert table["online_revenue_per_1000"].iloc[0] == 2.0
    ends = table[["auc_low", "auc", "auc_high"]].iloc[0].tolist()
    assert ends == [0.0, 0.7, 1.0]
    assert table["log_loss_vs_previous_high"].tolist() == [0.0] * 3
    assert table["log_loss_vs_ids"].tolist() == [-0.03] * 3
    assert table["log_loss_vs_best_high"].tolist() == [0.06] * 3


def test_json_has_the_documented_keys(tmp_path):
    ledger.write_json(make_summary(), tmp_path / "l.json", "ad_click")
    document = json.loads((tmp_path / "l.json").read_text())
    documented = ["case", "dataset", "seeds", "rows", "split", "rungs", "skipped"]
    assert list(document) == [*documented, "weights", "notes"]
    assert (document["weights"], document["notes"]) == (None, [])
    assert document["rungs"][0]["vs_previous"]["log_loss"] == [-0.01, -0.02, 0.0]
    assert document["rungs"][0]["vs_ids"]["log_loss"] == [-0.03, -0.04, -0.02]
    assert document["rungs"][0]["vs_best"]["log_loss"] == [0.05, 0.04, 0.06]
    assert [rung["selected"] for rung in document["rungs"]] == [False, True, False]
    assert document["rungs"][0]["validation_log_loss"] == 0.11
    assert document["skipped"] == [{"rung": "smoothed_ad", "reason": "no item"}]


def test_an_undefined_metric_becomes_null(tmp_path):
    ledger.write_json(make_summary(auc=np.nan), tmp_path / "l.json", "ad_click")
    assert json.loads((tmp_path / "l.json").read_text())["rungs"][0]["metrics"]["auc"] is None


def test_an_absent_interval_is_null_in_json_and_empty_in_the_table(tmp_path):
    nothing = (np.nan, np.nan)
    summary = make_summary()
    rungs = [
        replace(
            rung,
            intervals=dict.fromkeys(rung.metrics, nothing),
            vs_previous={"auc": (0.1, *nothing)},
        )
        for rung in summary.rungs
    ]
    weights = RowWeights("w", 12.5)
    summary = replace(summary, rungs=rungs, notes=("no intervals: why",), weights=weights)
    ledger.write_json(summary, tmp_path / "l.json", "ad_click")
    document = json.loads((tmp_path / "l.json").read_text())
    assert document["rungs"][0]["intervals"] == dict.fromkeys(rungs[0].metrics)
    assert document["rungs"][0]["vs_previous"] == {"auc": [0.1, None, None]}
    assert document["notes"] == ["no intervals: why"]
    assert document["weights"] == {"column": "w", "effective_test_rows": 12.5}
    ledger.write_ledger(summary, tmp_path / "l.csv")
    assert "nan" not in (tmp_path / "l.csv").read_text().lower()


def test_an_interrupted_write_leaves_the_old_ledger_whole(tmp_path, monkeypatch):
    path = tmp_path / "l.csv"
    path.write_text("old")

    def interrupted(self, target, **options):
        target.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_csv", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ledger.write_ledger(make_summary(), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["l.csv"]


def test_a_folder_in_place_of_a_file_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        ledger.write_json(make_summary(), tmp_path, "ad_click")


def test_ledgers_of_data_sets_lie_beside_the_case(tmp_path):
    assert ledger.ledger_path("ad_click", "ad_click_world").name == "ad_click.csv"
    assert ledger.ledger_path("ad_click", "my-log").name == "ad_click.my-log.csv"


def test_a_missing_ledger_names_the_command():
    with pytest.raises(InputError, match="mlsd ladder"):
        ledger.load_ledger("ad_click", "no-such-log")
