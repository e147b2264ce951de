import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlsd.data import load_log, validate_log
from mlsd.runtime import InputError


def test_a_good_log(small_log):
    log = load_log(small_log.write())
    validate_log(log)
    assert log.name == "small"
    assert {name: len(rows) for name, rows in log.parts().items()} == {
        "train": 24, "validation": 8, "test": 8
    }  # fmt: skip
    assert log.frame["ts"].tolist() == list(range(61, 101))
    assert log.label.tolist() == [1, 0] * 20
    assert log.frame["price"].tolist() == [row / 2 for row in range(39, -1, -1)]
    assert log.roles.identifiers == ("user_id", "device")
    assert log.split.description == "by time 60/20/20"


def test_a_spec_and_the_same_table_as_parquet_agree(small_log):
    from_text = load_log(small_log.write())
    table = pd.read_csv(small_log.folder / "log.csv")
    table.to_parquet(small_log.folder / "log.parquet")
    from_parquet = load_log(small_log.replace("log.csv", "log.parquet").write())
    pd.testing.assert_frame_equal(from_text.frame, from_parquet.frame, check_dtype=False)


def test_columns_without_a_role_become_features_only_where_none_are_listed(small_log):
    given = load_log(small_log.replace('categorical = ["device"]\n', "").write())
    assert (given.roles.categorical, given.roles.numeric) == ((), ("price",))
    inferred = load_log(small_log.replace('numeric = ["price"]\n', "").write())
    assert (inferred.roles.categorical, inferred.roles.numeric) == (("device",), ("price",))
    ignored = load_log(small_log.replace('user = "user_id"', 'ignore = ["user_id"]').write())
    assert "user_id" not in ignored.frame


def test_shuffled_log_without_times_stands_in_the_published_order(small_log):
    small_log.replace('time = "ts"\n', "").replace('kind = "time"', 'kind = "shuffle"\nseed = 4')
    log = load_log(small_log.write())
    order = np.random.default_rng(4).permutation(40)
    assert (log.frame["price"].to_numpy() * 2 == order).all()


def test_three_tables(small_log):
    header, rows = small_log.rows[0], small_log.rows[1:]
    for name, part in (("a", rows[:20]), ("b", rows[20:30]), ("c", rows[30:])):
        (small_log.folder / f"{name}.csv").write_text("\n".join([header, *part]) + "\n")
    small_log.replace('path = "log.csv"', 'train = "a.csv"\nvalidation = "b.csv"\ntest = "c.csv"')
    small_log.replace('kind = "time"\nparts = [0.6, 0.2, 0.2]', 'kind = "given"')
    log = load_log(small_log.write(table=False))
    validate_log(log)
    prices = {name: log.frame["price"].iloc[rows] * 2 for name, rows in log.parts().items()}
    assert sorted(prices["train"]) == list(range(20))
    assert sorted(prices["test"]) == list(range(30, 40))


def test_ids_that_are_numbers_in_one_part_and_text_in_another_become_text(tmp_path):
    for name, users in (("train", [1, 2]), ("validation", [2, 3]), ("test", ["2", "x"])):
        table = pa.table({"y": [0, 1], "user": users})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    tables = "\n".join(f'{name} = "{name}.parquet"' for name in ("train", "validation", "test"))
    spec = tmp_path / "s.toml"
    spec.write_text(f'[table]\n{tables}\n[columns]\nlabel = "y"\nuser = "user"\nnumeric = []')
    log = load_log(spec)
    assert log.frame["user"].tolist() == ["1", "2", "2", "3", "2", "x"]
    assert log.users.tolist() == [0, 1, 1, 2, 1, 3]


def test_numbers_that_were_inferred_stay_in_their_own_of_three_tables(tmp_path):
    prices = {"train": [1.5, 2.5], "validation": [3.5, 4.5], "test": [5.5, 6.5]}
    for name, column in prices.items():
        pq.write_table(pa.table({"y": [0, 1], "price": column}), tmp_path / f"{name}.parquet")
    tables = "\n".join(f'{name} = "{name}.parquet"' for name in prices)
    spec = tmp_path / "s.toml"
    spec.write_text(f'[table]\n{tables}\n[columns]\nlabel = "y"')
    log = load_log(spec)
    assert log.roles.numeric == ("price",)
    for name, rows in log.parts().items():
        assert log.frame["price"].iloc[rows].tolist() == prices[name]


def test_known_at_is_read_and_kept(small_log):
    small_log.rows = [
        f"{row},{'settled' if line == 0 else row.split(',')[1] + '.5'}"
        for line, row in enumerate(small_log.rows)
    ]
    log = load_log(small_log.replace('time = "ts"', 'time = "ts"\nknown_at = "settled"').write())
    assert (log.frame["settled"] - log.frame["ts"]).eq(0.5).all()


def line(click="0", ts="50", price="1"):
    return f"{click},{ts},u1,desk,{price}"


BAD_ROWS = [
    (line(click="yes"), "log.csv: row 7, column 'click' is 'yes'; a label must be 0 or 1"),
    (line(click="2"), "log.csv: row 7, column 'click' is '2'"),
    (line(click=""), "log.csv: row 7, column 'click' is ''"),
    (line(ts="NaN"), "log.csv: row 7, column 'ts' is 'NaN'; every row needs its time"),
    (line(ts="inf"), "log.csv: row 7, column 'ts' is 'inf'"),
    (line(ts="noon"), "log.csv: row 7, column 'ts' is 'noon'"),
    (line(price="cheap"), "log.csv: row 7, column 'price' is 'cheap'"),
    ("0,50,u1,desk", "log.csv: row 7 has 4 fields, the header has 5"),
    ("0,50,u1,desk,1,extra", "log.csv: row 7 has 6 fields, the header has 5"),
    ("", "log.csv: row 7, column 'ts' is ''"),
]


@pytest.mark.parametrize(("row", "message"), BAD_ROWS)
def test_a_bad_row_is_named(small_log, row, message):
    with pytest.raises(InputError) as raised:
        load_log(small_log.set_row(7, row).write())
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def with_label(label):
    def change(small_log):
        small_log.rows = [small_log.rows[0], *(f"{label}{row[1:]}" for row in small_log.rows[1:])]

    return change


def constant_training_label(small_log):
    # Rows are stored latest first, so that the training part by time is the end of the file.
    small_log.rows[15:] = [f"0{row[1:]}" for row in small_log.rows[15:]]


def no_rows(small_log):
    small_log.rows = small_log.rows[:1]


BAD_TABLES = [
    (with_label(0), "the table has only label 0 in column 'click' (40 rows)"),
    (with_label(1), "the table has only label 1"),
    (constant_training_label, "the train part has only label 0"),
    (no_rows, "log.csv: the table is empty"),
    (lambda log: log.set_row(1, "click,ts,user_id,device,cost"), "column 'price' is missing"),
    (lambda log: log.set_row(1, "click,ts,user_id,price,price"), "column 'price' stands twice"),
    (lambda log: log.replace("log.csv", "lag.csv"), "lag.csv: no such file"),
    (lambda log: log.replace("log.csv", "."), "small.toml: unknown type of table"),
    (lambda log: log.replace('numeric = ["price"]', 'ignore = ["row"]'), "'row' is missing"),
    (lambda log: log.replace("0.6, 0.2, 0.2", "0.99, 0.005, 0.005"), "part is empty"),
    (
        lambda log: log.replace('time = "ts"', 'time = "ts"\nknown_at = "price"').replace(
            'numeric = ["price"]', "numeric = []"
        ),
        "log.csv: row 2, column 'price' lies before column 'ts'",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD_TABLES)
def test_a_bad_table_is_named(small_log, change, message):
    change(small_log)
    with pytest.raises(InputError) as raised:
        load_log(small_log.write())
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_known_at_before_time_is_found_in_the_right_one_of_three_tables(tmp_path):
    for name, known in (("train", [5, 6]), ("validation", [5, 6]), ("test", [9, 1])):
        table = pa.table({"y": [0, 1], "ts": [3, 4], "known": known})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    tables = "\n".join(f'{name} = "{name}.parquet"' for name in ("train", "validation", "test"))
    spec = tmp_path / "s.toml"
    spec.write_text(
        f'[table]\n{tables}\n[columns]\nlabel = "y"\ntime = "ts"\nknown_at = "known"\nnumeric = []'
    )
    with pytest.raises(InputError, match=r"test.parquet: row index 1 .*column 'known' lies before"):
        load_log(spec)


def test_truncated_parquet_and_wrong_root(small_log):
    (small_log.folder / "log.parquet").write_bytes(b"PAR1 and no more")
    path = small_log.replace("log.csv", "log.parquet").write()
    with pytest.raises(InputError, match="log.parquet: no readable Parquet file"):
        load_log(path)
    with pytest.raises(InputError, match="no such file"):
        load_log(path, root=small_log.folder / "elsewhere")


def test_a_large_text_table_loads_in_reasonable_time(small_log):
    small_log.rows = [small_log.rows[0], *small_log.rows[1:] * 2_500]
    log = load_log(small_log.write())
    assert len(log.frame) == 100_000
