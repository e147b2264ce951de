import pandas as pd
import pytest

from mlsd.data import load_dataset, validate_log
from mlsd.data.sources.ipinyou import FIELDS, read_ipinyou
from mlsd.runtime import InputError


def frames(folder):
    return {part: raw.table.to_pandas() for part, raw in read_ipinyou(folder).items()}


def test_coded_rows_are_decoded_and_sorted_by_hour(ipinyou):
    folder, written = ipinyou
    parts = frames(folder)
    day = pd.concat([parts["train"], parts["validation"]])
    assert day["hour"].tolist() == ["17"] * 50 + ["18"] * 50
    assert day["slotprice"].tolist() == [*map(str, range(1, 100, 2)), *map(str, range(0, 100, 2))]
    clicks = {row["slotprice"]: int(row["click"]) for row in written["train"]}
    assert day["click"].tolist() == [clicks[price] for price in day["slotprice"]]


def test_validation_is_the_last_tenth_of_the_training_day(ipinyou):
    parts = frames(ipinyou[0])
    assert {name: len(frame) for name, frame in parts.items()} == {
        "train": 90, "validation": 10, "test": 12
    }  # fmt: skip
    assert set(parts["validation"]["hour"]) == {"18"}


def test_seconds_count_from_the_training_midnight(ipinyou):
    parts = frames(ipinyou[0])
    assert parts["train"]["ts"].iloc[0] == 17 * 3600
    assert parts["test"]["ts"].tolist() == [3 * 86_400 + hour * 3600 for hour in
                                            [0] * 4 + [3] * 4 + [22] * 4]  # fmt: skip


def test_the_data_set_loads_and_parquet_is_the_same(ipinyou):
    folder, written = ipinyou
    log = load_dataset("ipinyou-2997-sample", root=folder.parent)
    validate_log(log)
    assert log.label[log.split.test].sum() == 4
    for part, rows in written.items():
        frame = pd.DataFrame(rows)[["click", *FIELDS]].astype({"click": "int8"})
        frame.to_parquet(folder / f"{part}.parquet")
        (folder / f"{part}.fm.txt").unlink()
    again = load_dataset("ipinyou-2997-sample", root=folder.parent)
    pd.testing.assert_frame_equal(log.frame, again.frame)


def test_damaged_raw_files(ipinyou):
    folder, _ = ipinyou
    path = folder / "train.fm.txt"
    whole = path.read_text()
    for line, message in [
        ("0 1:1 2:1\n", "train.fm.txt: row 101 has 3 fields, for 17 names"),
        ("0 " + " ".join(["999999:1"] * 16) + "\n", "row 101, column 'weekday' is '999999'"),
    ]:
        path.write_text(whole + line)
        with pytest.raises(InputError, match=message):
            read_ipinyou(folder)
    path.write_text(whole)
    index = folder / "featindex.fm.txt"
    index.write_text(index.read_text().replace("domain:", "other:"))
    with pytest.raises(InputError, match="featindex.fm.txt: has no feature of field 'domain'"):
        read_ipinyou(folder)
