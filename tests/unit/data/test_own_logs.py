"""Logs as readers bring them: what each kind is read as, or the one line that refuses it."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlsd.data import read_log, validate_log
from mlsd.runtime import InputError

START = 1_700_000_000
ROLES = ['label = "click"', 'time = "ts"', 'user = "user_id"', 'item = "ad_id"']
FEATURES = ['categorical = ["device"]', 'numeric = ["price"]']


@pytest.fixture
def frame():
    random = np.random.default_rng(5)
    rows = 300
    return pd.DataFrame(
        {
            "click": random.integers(0, 2, rows),
            "ts": START + 4_000 * np.arange(rows),
            "user_id": [f"u{user:03d}" for user in random.integers(0, 40, rows)],
            "ad_id": random.integers(1000, 1020, rows),
            "device": random.choice(["phone", "desk"], rows),
            "price": random.integers(1, 9_999, rows) / 1000,
        }
    )


@pytest.fixture
def read(tmp_path):
    def read_it(file, *columns, table=(), split=()):
        lines = ["[table]", f'path = "{file}"', *table, "[columns]", *columns, "[split]", *split]
        (tmp_path / "spec.toml").write_text("\n".join(lines))
        loaded = read_log(tmp_path / "spec.toml")
        validate_log(loaded.log)
        return loaded

    return read_it


def refused(read, *arguments, **options):
    with pytest.raises(InputError) as raised:
        read(*arguments, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture
def expected(frame, tmp_path, read):
    frame.to_csv(tmp_path / "plain.csv", index=False)
    return read("plain.csv", *ROLES, *FEATURES).log.frame


def assert_same(frame, expected):
    """A text table has ids as text and times as floats where Parquet has whole numbers."""
    frame = frame[expected.columns].astype({"ad_id": str})
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)


def test_hours_as_whole_numbers(frame, expected, tmp_path, read):
    stamps = pd.to_datetime(frame["ts"], unit="s")
    hours = stamps.dt.strftime("%y%m%d%H").astype(int)
    frame.assign(ts=hours).to_csv(tmp_path / "log.csv", index=False)
    log = read("log.csv", *ROLES, *FEATURES, 'time_format = "%y%m%d%H"').log
    assert log.frame["ts"].tolist() == (expected["ts"] // 3600 * 3600).tolist()


def test_day_numbers(frame, tmp_path, read):
    frame.assign(ts=np.arange(300) // 25).to_csv(tmp_path / "log.csv", index=False)
    log = read("log.csv", *ROLES, *FEATURES, 'time_unit = "d"').log
    assert np.ptp(log.frame["ts"]) == 11 * 86_400


def test_one_time_for_all_rows_is_no_order(frame, tmp_path, read):
    frame.assign(ts=START).to_csv(tmp_path / "log.csv", index=False)
    message = refused(read, "log.csv", *ROLES, *FEATURES)
    assert message == (
        "spec: column 'ts' has one time only, 1700000000, by which no row comes after another; "
        'correct it, or choose kind = "shuffle" in [split]'
    )
    read("log.csv", *ROLES, *FEATURES, split=['kind = "shuffle"'])


def settled(frame):
    return (frame["ts"] + 30).where(frame["click"] == 1).astype("Int64")


@pytest.mark.parametrize("file", ["log.csv", "log.parquet"])
def test_labels_that_never_settled(frame, tmp_path, read, file):
    table = frame.assign(settled=settled(frame))
    table.to_csv(tmp_path / "log.csv", index=False)
    table.to_parquet(tmp_path / "log.parquet", index=False)
    roles = [*ROLES, *FEATURES, 'known_at = "settled"']
    assert 'add known_at_missing = "7d" to [columns]' in refused(read, file, *roles)
    window = read(file, *roles, 'known_at_missing = "7d"').log.frame
    delays = (window["settled"] - window["ts"]).to_numpy()
    assert set(delays[window["click"] == 1]) == {30}
    assert set(delays[window["click"] == 0]) == {7 * 86_400}
    end = read(file, *roles, 'known_at_missing = "end"').log.frame
    assert set(end["settled"][end["click"] == 0]) == {max(end["ts"].max(), end["settled"].max())}


def test_true_and_false(frame, expected, tmp_path, read):
    frame.assign(click=frame["click"] == 1).to_csv(tmp_path / "log.csv", index=False)
    assert_same(read("log.csv", *ROLES, *FEATURES).log.frame, expected)


def test_ratings_and_named_outcomes(frame, expected, tmp_path, read):
    events = frame.assign(click=frame["click"].map({0: "view", 1: "buy"}))
    events.to_csv(tmp_path / "log.csv", index=False)
    named = read("log.csv", *ROLES, *FEATURES, 'label_positive = ["buy"]').log
    assert_same(named.frame, expected)
    frame.assign(click=frame["click"] + 3).to_csv(tmp_path / "log.csv", index=False)
    rated = read("log.csv", *ROLES, *FEATURES, 'label_rule = ">= 4"').log
    assert_same(rated.frame, expected)
    message = refused(read, "log.csv", *ROLES, *FEATURES, 'label_positive = ["5"]')
    assert "label_positive occurs nowhere in it, common values are " in message
    assert "'3'" in message


@pytest.mark.parametrize("kind", [bool, float])
def test_the_values_that_a_message_offers_are_those_that_count(
    kind, frame, expected, tmp_path, read
):
    frame.assign(click=frame["click"].astype(kind)).to_parquet(tmp_path / "log.parquet")
    message = refused(read, "log.parquet", *ROLES, *FEATURES, 'label_positive = ["yes"]')
    offered = re.findall("'([^']+)'", message.rpartition("common values are")[2])
    named = f'label_positive = ["{offered[1]}"]'
    assert_same(read("log.parquet", *ROLES, *FEATURES, named).log.frame, expected)


def test_a_label_without_value(frame, tmp_path, read):
    label = frame["click"].astype("Int64")
    label[[7, 9]] = pd.NA
    frame.assign(click=label).to_parquet(tmp_path / "log.parquet", index=False)
    message = refused(read, "log.parquet", *ROLES, *FEATURES)
    assert message.startswith("log.parquet: row index 7 (counted from 0), column 'click' is None;")
    assert "leave out rows whose outcome is unknown" in message


def test_a_spreadsheet_from_europe(frame, expected, tmp_path, read):
    frame.to_csv(tmp_path / "log.csv", index=False, sep=";", decimal=",")
    assert "is ';' the delimiter? add delimiter" in refused(read, "log.csv", *ROLES, *FEATURES)
    delimiter = ['delimiter = ";"']
    message = refused(read, "log.csv", *ROLES, *FEATURES, table=delimiter)
    assert message.startswith("log.csv: row 2, column 'price' is ")
    assert 'add decimal = "," to [table]' in message
    log = read("log.csv", *ROLES, *FEATURES, table=[*delimiter, 'decimal = ","']).log
    assert_same(log.frame, expected)


def test_an_index_that_pandas_wrote(frame, expected, tmp_path, read):
    frame.to_csv(tmp_path / "log.csv")
    shuffled = frame.sample(frac=1, random_state=1)
    shuffled.to_parquet(tmp_path / "log.parquet")
    for file, name in (("log.csv", ""), ("log.parquet", "__index_level_0__")):
        loaded = read(file, *ROLES)
        assert list(loaded.left_out) == [name]
        assert_same(loaded.log.frame, expected)


def test_null_markers(frame, tmp_path, read):
    prices = frame["price"].astype(str)
    prices[::20], prices[1::30] = "\\N", "-"
    frame.assign(price=prices).to_csv(tmp_path / "log.csv", index=False)
    advice = r'add missing = ["\\N", "-"] to [table]'
    assert advice in refused(read, "log.csv", *ROLES)
    log = read("log.csv", *ROLES, table=[r'missing = ["\\N", "-"]']).log
    assert log.roles.numeric == ("price",)
    assert log.frame["price"].isna().sum() == 25


def test_a_table_without_a_header(frame, expected, tmp_path, read):
    frame.to_csv(tmp_path / "log.tsv", index=False, header=False, sep="\t")
    message = refused(read, "log.tsv", *ROLES, *FEATURES)
    assert "is the first line data?" in message
    assert "names = " in message
    names = f"names = {list(frame.columns)}".replace("'", '"')
    log = read("log.tsv", *ROLES, *FEATURES, table=[names]).log
    assert_same(log.frame, expected)


def test_zstd(frame, expected, tmp_path, read):
    frame.to_csv(tmp_path / "log.csv", index=False)
    with pa.output_stream(tmp_path / "log.csv.zst", compression="zstd") as stream:
        stream.write((tmp_path / "log.csv").read_bytes())
    assert_same(read("log.csv.zst", *ROLES, *FEATURES).log.frame, expected)


def test_a_partitioned_folder(frame, expected, tmp_path, read):
    days = pd.to_datetime(frame["ts"], unit="s").dt.strftime("%Y-%m-%d")
    table = pa.Table.from_pandas(frame.assign(day=days), preserve_index=False)
    pq.write_to_dataset(table, tmp_path / "log", partition_cols=["day"])
    assert_same(read("log", *ROLES, *FEATURES).log.frame, expected)
    inferred = read("log/**/*.parquet", *ROLES)
    assert inferred.log.roles.categorical == ("device", "day")
    assert sorted(inferred.log.frame["day"].unique()) == sorted(days.unique())


def test_stamps_without_a_role(frame, expected, tmp_path, read):
    stamps = pd.to_datetime(frame["ts"] - 60, unit="s")
    table = frame.assign(created_at=stamps, birth=stamps.dt.date)
    table.to_parquet(tmp_path / "log.parquet", index=False)
    loaded = read("log.parquet", *ROLES)
    assert sorted(loaded.left_out) == ["birth", "created_at"]
    assert_same(loaded.log.frame, expected)


@pytest.mark.parametrize("role", ["weight", "sampling_rate"])
def test_a_thinned_log(frame, tmp_path, read, role):
    weight = np.where(frame["click"] == 1, 1.0, 20.0)
    cells = weight if role == "weight" else 1 / weight
    frame.assign(thinned=cells).to_csv(tmp_path / "log.csv", index=False)
    log = read("log.csv", *ROLES, f'{role} = "thinned"').log
    assert log.weights.tolist() == weight.tolist()
    assert "thinned" not in log.roles.categorical + log.roles.numeric


def test_logged_positions_and_propensities(frame, tmp_path, read):
    frame.assign(slot=np.arange(300) % 4, p=0.25).to_csv(tmp_path / "log.csv", index=False)
    log = read("log.csv", *ROLES, 'position = "slot"', 'propensity = "p"').log
    assert (log.roles.position, log.roles.propensity) == ("slot", "p")
    assert log.roles.categorical + log.roles.numeric == ("device", "price")
    assert log.frame["slot"].tolist() == (np.arange(300) % 4).tolist()
    frame.assign(slot=0, p=1.5).to_csv(tmp_path / "log.csv", index=False)
    message = refused(read, "log.csv", *ROLES, 'position = "slot"', 'propensity = "p"')
    assert message.startswith("log.csv: row 2, column 'p' is '1.5'; a propensity must lie")


def test_integer_ids_without_a_role(frame, tmp_path, read):
    frame.assign(C14=frame["ad_id"]).to_csv(tmp_path / "log.csv", index=False)
    message = refused(read, "log.csv", *ROLES)
    assert "column 'C14' holds whole numbers that may be ids or amounts" in message
    loaded = read("log.csv", *ROLES, 'categorical = ["C14"]', 'others = "infer"')
    assert loaded.log.roles.categorical == ("C14", "device")
    assert loaded.readings["C14"].reason == "named in [columns]"
    frame.to_csv(tmp_path / "log.csv", index=False)
    loaded = read("log.csv", 'label = "click"', 'time = "ts"')
    assert loaded.readings["ad_id"].reason == "integer ids, 20 values, name ends in 'id'"
    assert loaded.log.roles.categorical == ("user_id", "ad_id", "device")


def test_a_log_without_any_feature(frame, tmp_path, read):
    frame[["click", "ts"]].to_csv(tmp_path / "log.csv", index=False)
    message = refused(read, "log.csv", 'label = "click"', 'time = "ts"')
    assert message.startswith("spec.toml: [columns] has neither user nor item nor any feature;")


def test_ids_beyond_what_floats_hold(frame, tmp_path, read):
    ids = 2**60 + frame["ad_id"]
    frame.assign(x=ids).to_csv(tmp_path / "log.csv", index=False)
    loaded = read("log.csv", *ROLES)
    assert loaded.readings["x"].role == "categorical"
    assert loaded.log.frame["x"].nunique() == ids.nunique()
