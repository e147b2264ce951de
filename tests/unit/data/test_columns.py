import datetime
import decimal

import numpy as np
import pyarrow as pa
import pytest

from mlsd.data.columns import (
    category_column,
    known_at_column,
    label_column,
    number_column,
    position_column,
    propensity_column,
    time_column,
    weight_column,
)
from mlsd.data.columns.times import is_time_format
from mlsd.data.tables import RawTable
from mlsd.runtime import InputError


def raw(values, kind=None, first_row=None, **written):
    return RawTable("log", pa.table({"x": pa.array(values, type=kind)}), first_row, **written)


@pytest.mark.parametrize(
    "values",
    [
        [0, 1],
        [0.0, 1.0],
        ["0", "1"],
        ["0.0", " 1"],
        [False, True],
        [decimal.Decimal(0), 1],
        ["False", "True"],
        ["false", "TRUE "],
        ["0", "true"],
    ],
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


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ([1, None], r'write 0 where nothing happened.*label_rule = "filled"'),
        ([1.0, 4.0], 'as in label_rule = ">= 4"'),
        ([1.0, -1.0], 'as in label_rule = "> 0"'),
        (["0", "click"], r'as in label_positive = \["click"\]'),
    ],
)
def test_a_wrong_label_is_told_with_what_makes_it_right(values, advice):
    with pytest.raises(InputError, match=advice):
        label_column(raw(values), "x")


@pytest.mark.parametrize(
    ("values", "positive", "label"),
    [
        (["yes", "no", " yes"], ("yes",), [1, 0, 1]),
        (["click", "view", "buy"], ("click", "buy"), [1, 0, 1]),
        ([2, 1, 0], ("2", "1"), [1, 1, 0]),
        ([True, False, True], ("true",), [1, 0, 1]),
        (["", "view", None], ("",), [1, 0, 1]),
    ],
)
def test_positive_values(values, positive, label):
    assert label_column(raw(values), "x", positive=positive).tolist() == label


def test_positive_values_of_dictionary_encoded_text():
    encoded = RawTable("log", pa.table({"x": pa.array(["a", "b"]).dictionary_encode()}))
    assert label_column(encoded, "x", positive=("b",)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        (">= 4", [1, 1, 0]),
        ("> 4", [1, 0, 0]),
        ("<=3.5", [0, 0, 1]),
        ("< 4", [0, 0, 1]),
        ("== 4", [0, 1, 0]),
        ("!= 4", [1, 0, 1]),
    ],
)
def test_rules(rule, label):
    for values in ([5, 4, 3.5], ["5", "4.0", "3.5"]):
        assert label_column(raw(values), "x", rule=rule).tolist() == label


def test_what_is_filled_counts():
    assert label_column(raw(["17", "", " ", "NA"]), "x", rule="filled").tolist() == [1, 0, 0, 0]
    assert label_column(raw([17.0, None, float("nan")]), "x", rule="filled").tolist() == [1, 0, 0]
    marked = raw(["17", "-"], missing=("-",))
    assert label_column(marked, "x", rule="filled").tolist() == [1, 0]


def test_rules_and_positive_values_need_a_value():
    for options in ({"rule": ">= 4"}, {"positive": ("yes",)}):
        with pytest.raises(InputError, match="row index 1 .* is ''; label_.* needs a"):
            label_column(raw(["5", ""]), "x", **options)


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
    ("values", "unit", "seconds"),
    [
        ([0, 13], "d", [0, 13 * 86_400]),
        ([1, 36], "h", [3600, 129_600]),
        (["1", "2.5"], "min", [60, 150]),
        ([1_700_000_000_250, 0], "ms", [1_700_000_000.25, 0]),
        ([1_700_000_000_000_001], "us", [1_700_000_000.000001]),
        ([1_700_000_000_000_000_000], "ns", [1_700_000_000]),
        ([7, 8], "s", [7, 8]),
    ],
)
def test_units_of_time(values, unit, seconds):
    assert time_column(raw(values), "x", unit=unit).tolist() == seconds


FORMATS = [
    ([23_111_422, 23_111_500], "%y%m%d%H", ["2023-11-14T22", "2023-11-15T00"]),
    (["23111422"], "%y%m%d%H", ["2023-11-14T22"]),
    ([5_010_203, 23_111_422], "%y%m%d%H", ["2005-01-02T03", "2023-11-14T22"]),
    ([20_231_114.0], "%Y%m%d", ["2023-11-14"]),
    (["14/11/2023 22:13"], "%d/%m/%Y %H:%M", ["2023-11-14T22:13"]),
]


@pytest.mark.parametrize(("values", "written", "stamps"), FORMATS)
def test_formats_of_time(values, written, stamps):
    expected = np.array(stamps, dtype="datetime64[s]").astype(np.int64)
    assert time_column(raw(values), "x", written=written).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (["23111422", "23131422"], {"written": "%y%m%d%H"}, "'23131422'; it is not written as"),
        ([5, None], {"unit": "h"}, "None; every row needs its time"),
        (["5", "2023-11-14"], {"unit": "h"}, "'2023-11-14'; with time_unit a time must be a num"),
    ],
)
def test_times_other_than_declared(values, options, message):
    with pytest.raises(InputError, match=f"row 3, column 'x' is {message}"):
        time_column(raw(values, first_row=2), "x", **options)


def test_timestamps_need_no_unit():
    stamps = raw([datetime.datetime(2020, 1, 1)])
    for options, key in (({"unit": "ms"}, "time_unit"), ({"written": "%y"}, "time_format")):
        with pytest.raises(InputError, match=f"says its unit itself; leave {key} out"):
            time_column(stamps, "x", **options)


def test_when_labels_became_known():
    options = {"may_be_missing": True}
    assert known_at_column(raw([3, 4]), "x").dtype == np.int64
    got = known_at_column(raw(["1970-01-01T00:00:09", "", "-"], missing=("-",)), "x", **options)
    np.testing.assert_array_equal(got, [9, np.nan, np.nan])
    with pytest.raises(InputError, match=r'row 3, column .x. is .*add known_at_missing = "7d"'):
        known_at_column(raw(["7", ""], first_row=2), "x")
    with pytest.raises(InputError, match="row 3, column 'x' is 'soon'"):
        known_at_column(raw(["7", "soon", ""], first_row=2), "x", **options)


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        (["1700000000", "2023-11-15T05:52:23"], ".*, a date, but the first time is a number"),
        (["2020-01-01", "5"], "'5', a number, but the first time is a date .'2020-01-01'"),
        (["2020-01-01", "9999-12-31"], "'9999-12-31'; a date must lie between 1678 and 2261"),
        (
            [datetime.datetime(2020, 1, 1), datetime.datetime(9999, 12, 31)],
            ".*beyond the year 5138",
        ),
        ([1, 1_577_836_800_000_000], '1577836800000000; as seconds .* time_unit = "us"'),
        ([1, 1_577_836_800_000_000_000], '1577836800000000000; as seconds .* time_unit = "ns"'),
        (["2020-01-01", "14/11/2020"], "'14/11/2020'; .* needs time_format, as in "),
        ([1.0, float("nan")], "nan"),
        ([1.0, float("inf")], "inf"),
        ([1, None], "None"),
        (["1", ""], "''"),
        (["1", "soon"], "'soon'"),
        (["2020-01-01", "2020-02-30"], "'2020-02-30'; a time must be"),
        (["2020-01-01", "5"], "'5'"),
        ([1, 1_577_836_800_000], '1577836800000; as seconds .* time_unit = "ms"'),
        # The first moment of the year 1, which databases write for a time that is not known.
        ([1, -62_135_596_800_000], '-62135596800000; as seconds .* time_unit = "ms"'),
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


def test_declared_markers_are_missing_in_every_role():
    marked = raw(["2", "-", r"\N"], missing=("-", r"\N"))
    np.testing.assert_array_equal(number_column(marked, "x"), [2, np.nan, np.nan])
    assert category_column(marked, "x").tolist() == ["2", "", ""]
    with pytest.raises(InputError, match="row index 1 .* is '-'; a label must be"):
        label_column(raw(["1", "-"], missing=("-",)), "x")


def test_cells_that_look_like_markers_are_told_with_the_key_to_add():
    with pytest.raises(InputError, match=r'is .-.; .* add missing = \["-", "\\\\N", "\(null\)"\]'):
        number_column(raw(["1", "-", r"\N", "-", r"\N", "-", "(null)", "cheap"]), "x")


def test_decimal_commas():
    got = number_column(raw(["1,5", "-0,25", "3", ""], decimal=","), "x")
    np.testing.assert_array_equal(got, [1.5, -0.25, 3, np.nan])
    with pytest.raises(InputError, match="row index 1 .* is '1.234'"):
        number_column(raw(["1,5", "1.234"], decimal=","), "x")
    with pytest.raises(InputError, match='add decimal = ","'):
        number_column(raw(["1,5"]), "x")


def test_weights_and_their_rates():
    assert weight_column(raw([20, 1]), "x").tolist() == [20, 1]
    assert weight_column(raw(["0.05", "1"]), "x", is_rate=True).tolist() == [20, 1]
    assert propensity_column(raw([0.25, 1]), "x").tolist() == [0.25, 1]
    assert position_column(raw([0, 3]), "x").tolist() == [0, 3]


@pytest.mark.parametrize(
    ("read", "cells", "message"),
    [
        (weight_column, [0.0, -1, None], "a weight must be a number above 0"),
        (weight_column, [1e300, 1e-300], "no row stands for so many or so few"),
        (lambda *a: weight_column(*a, is_rate=True), [1e-310], "no row stands for so many"),
        (lambda *a: weight_column(*a, is_rate=True), [0.0, 1.01, None], "a sampling rate must"),
        (propensity_column, [0.0, 1.01, None], "a propensity must"),
        (position_column, [-1.0, 0.5, None], "a position must be a whole number"),
    ],
)
def test_weights_out_of_range(read, cells, message):
    for cell in cells:
        with pytest.raises(InputError, match=f"row index 1 .*; {message}"):
            read(raw([1.0, cell]), "x")


def test_numbers_of_text_are_what_python_reads():
    random = np.random.default_rng(2)
    exact = random.normal(size=500) * 10.0 ** random.integers(-20, 20, 500)
    cells = [repr(float(number)) for number in exact]
    assert number_column(raw(cells), "x").tolist() == exact.tolist()
    # One cell with a blank takes the other road.
    assert number_column(raw([*cells, " 7 "]), "x").tolist() == [*exact.tolist(), 7]
    for cell in ("1e5", "1E5", "+1", "-0", ".5", "5.", "00012"):
        assert number_column(raw([cell, " 2"]), "x")[0] == float(cell)
    for cell in ("0x1F", "1_0", "1d", "True", "1e", "--1", "1e400", "\u0663", "NAN", "-inf"):
        with pytest.raises(InputError, match="give a finite number"):
            number_column(raw(["1", cell]), "x")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([-999, 3], pa.int64()),
        ([-999.0, 3.0], pa.float32()),
        ([decimal.Decimal("-999.00"), decimal.Decimal(3)], pa.decimal128(9, 2)),
        (["-999", "3"], None),
        (["-999.0", "3"], None),
    ],
)
def test_a_declared_marker_that_is_a_number_is_missing_in_any_type(values, kind):
    found = number_column(raw(values, kind, missing=("-999", "none")), "x")
    np.testing.assert_array_equal(found, [np.nan, 3.0])


def test_a_declared_marker_is_no_id():
    found = category_column(raw([-1, 7], pa.int64(), missing=("-1",)), "x")
    assert found.tolist() == ["", "7"]


def test_a_marker_that_no_value_of_the_type_can_be_changes_nothing():
    found = category_column(raw([1, 7], pa.uint8(), missing=("-1", "-")), "x")
    assert found.tolist() == [1, 7]


def test_a_notation_with_a_zone():
    written = "[%d/%b/%Y:%H:%M:%S %z]"
    found = time_column(
        raw(["[01/Jan/1970:05:30:09 +0530]", "[01/Jan/1970:00:00:09 +0000]"]), "x", written=written
    )
    assert found.tolist() == [9.0, 9.0]
    assert is_time_format(written)


@pytest.mark.parametrize("hour", ["2025-10-26 02:06:22", "2025-03-30 02:06:22"])
def test_an_hour_that_a_zone_has_twice_or_never_is_one_line(hour):
    with pytest.raises(InputError, match=r"column 'x' cannot be read as .*write offsets.*%z"):
        time_column(raw([f"{hour} CET"]), "x", written="%Y-%m-%d %H:%M:%S %Z")
    found = time_column(raw(["1970-01-01 00:00:09 UTC"]), "x", written="%Y-%m-%d %H:%M:%S %Z")
    assert found.tolist() == [9.0]
