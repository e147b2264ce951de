import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest

from mlsd.data.columns import category_column, label_column, number_column, time_column
from mlsd.data.tables import RawTable
from mlsd.runtime import InputError


def raw(values, kind=None, first_row=None):
    return RawTable("log", pa.table({"x": pa.array(values, type=kind)}), first_row)


@pytest.mark.parametrize(
    "values",
    [[0, 1], [0.0, 1.0], ["0", "1"], ["0.0", " 1"], [False, True], [decimal.Decimal(0), 1]],
)
def test_labels(values):
    label = label_column(raw(values), "x")
    assert label.dtype == np.int8
    assert label.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        ([0, 2], "2"),
        ([0, None], "None"),
        ([0.0, 0.5], "0.5"),
        (["0", "yes"], "'yes'"),
        (["1", ""], "''"),
        ([0.0, float("nan")], "nan"),
    ],
)
def test_labels_other_than_0_and_1(values, cell):
    with pytest.raises(InputError, match=f"log: row 3, column 'x' is {cell}; a label must be"):
        label_column(raw(values, first_row=2), "x")


def test_rows_of_tables_without_lines_count_from_0():
    with pytest.raises(InputError, match=r"log: row index 1 \(counted from 0\), column 'x'"):
        label_column(raw([0, 7]), "x")


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([1, 2], [1, 2]),
        (["1.5", "-2"], [1.5, -2]),
        (["1970-01-01T00:00:01", "1970-01-02"], [1, 86_400]),
        (["1970-01-01 02:00:00+02:00", "1970-01-01T00:00:00.25Z"], [0, 0.25]),
        ([datetime.datetime(1970, 1, 1, 0, 1), datetime.datetime(1969, 12, 31)], [60, -86_400]),
        ([datetime.date(1970, 1, 2), datetime.date(1970, 1, 1)], [86_400, 0]),
    ],
)
def test_times(values, seconds):
    assert time_column(raw(values), "x").tolist() == seconds


def test_timestamps_of_every_unit_and_with_a_zone():
    for unit in ("s", "ms", "us", "ns"):
        kind = pa.timestamp(unit, tz="Europe/Berlin")
        assert time_column(raw([datetime.datetime(1970, 1, 1, 1)], kind), "x").tolist() == [3600]


def test_whole_seconds_stay_integers():
    assert time_column(raw([3, 4], pa.int32()), "x").dtype == np.int64


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        ([1.0, float("nan")], "nan"),
        ([1.0, float("inf")], "inf"),
        ([1, None], "None"),
        (["1", ""], "''"),
        (["1", "soon"], "'soon'"),
        (["2020-01-01", "2020-02-30"], "'2020-02-30'"),
        (["2020-01-01", "5"], "'5'"),
        ([1, 1_577_836_800_000], "1577836800000; times are in seconds: divide"),
        ([datetime.datetime(2020, 1, 1), None], "None"),
    ],
)
def test_bad_times(values, cell):
    with pytest.raises(InputError, match=f"row 3, column 'x' is {cell}"):
        time_column(raw(values, first_row=2), "x")


def test_numbers_and_their_missing_values():
    got = number_column(raw(["1", "", "NA", "nan", "-2.5e3"]), "x")
    np.testing.assert_array_equal(got, [1, np.nan, np.nan, np.nan, -2500])
    np.testing.assert_array_equal(number_column(raw([1, None]), "x"), [1, np.nan])
    np.testing.assert_array_equal(number_column(raw([True, None]), "x"), [1, np.nan])
    np.testing.assert_array_equal(number_column(raw([None], pa.null()), "x"), [np.nan])


@pytest.mark.parametrize("cell", ["cheap", "inf", "1,5"])
def test_bad_numbers(cell):
    with pytest.raises(InputError, match=f"row 3, column 'x' is '{cell}'; give a finite number"):
        number_column(raw(["1", cell], first_row=2), "x")


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([3, 1], pa.int16(), [3, 1]),
        ([3, None], pa.int16(), ["3", ""]),
        ([3.0, 1.0], pa.float64(), [3, 1]),
        ([3.0, float("nan")], pa.float64(), ["3", ""]),
        ([1.5, 2.0], pa.float64(), ["1.5", "2"]),
        ([True, False], pa.bool_(), [1, 0]),
        (["007", None], pa.string(), ["007", ""]),
        (["a", "b"], pa.large_string(), ["a", "b"]),
        ([2**63 + 1], pa.uint64(), [str(2**63 + 1)]),
        ([datetime.date(2020, 1, 2)], pa.date32(), ["2020-01-02"]),
        ([None], pa.null(), [""]),
    ],
)
def test_categories(values, kind, expected):
    assert category_column(raw(values, kind), "x").tolist() == expected


def test_dictionary_encoding_is_undone():
    encoded = RawTable("log", pa.table({"x": pa.array(["a", None, "a"]).dictionary_encode()}))
    assert category_column(encoded, "x").tolist() == ["a", "", "a"]


@pytest.mark.parametrize("values", [[[1, 2]], [{"a": 1}], [b"bytes"]])
def test_objects_are_no_categories(values):
    with pytest.raises(InputError, match="log: column 'x' is of type .*; give text"):
        category_column(raw(values), "x")


@pytest.mark.parametrize("read", [label_column, time_column, number_column])
def test_objects_are_no_numbers(read):
    with pytest.raises(InputError, match="log: column 'x' is of type list.*; give numbers"):
        read(raw([[1]]), "x")


def test_a_missing_column_is_named_with_those_there_are():
    with pytest.raises(InputError, match="log: column 'y' is missing; the table has 'x';"):
        number_column(raw([1]), "y")
