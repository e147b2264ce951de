import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlsd.data.inference import infer_features
from mlsd.data.names import meaning_of
from mlsd.data.spec import ColumnSpec
from mlsd.data.tables import RawTable
from mlsd.runtime import InputError

ROWS = 400
RANDOM = np.random.default_rng(3)
CODES = RANDOM.integers(1000, 1030, ROWS)


def infer(**columns):
    options = columns.pop("options", {})
    table = pa.table({"click": RANDOM.integers(0, 2, ROWS), **columns})
    tables = {"all": RawTable("log", table, **options)}
    return infer_features(ColumnSpec("click", features_given=False), tables)


def text(values):
    return [str(value) for value in values]


@pytest.mark.parametrize(
    ("name", "values", "role", "reason"),
    [
        ("device", ["phone", "desk"] * 200, "categorical", "2 values"),
        ("ad_id", CODES, "categorical", "integer ids, 30 values, name ends in 'id'"),
        ("ad_id", text(CODES), "categorical", "integer ids, 30 values, name ends in 'id'"),
        ("ad_id", [f"{code}.0" for code in CODES], "categorical", "name ends in 'id'"),
        ("ad_id", [*text(CODES[1:]), "7.0"], "numeric", "real numbers"),
        ("ad_id", [f"{code}.5" for code in CODES], "numeric", "real numbers"),
        ("adId", CODES, "categorical", "name ends in 'id'"),
        ("publisher", CODES, "categorical", "name ends in 'publisher'"),
        ("x", text(f"{code:07d}" for code in CODES), "categorical", "leading zeros"),
        ("x", CODES * 2**53, "categorical", "too large"),
        ("x", CODES * -(2**44), "categorical", "too large"),
        ("x", CODES % 7 * 2**53 // 6, "categorical", "too large"),
        ("subscribed", [True, False] * 200, "categorical", "true or false"),
        ("price", RANDOM.random(ROWS), "numeric", "real numbers"),
        ("x", text(RANDOM.random(ROWS)), "numeric", "real numbers"),
        ("x", [f"{number}.0" for number in CODES], "numeric", "real numbers"),
        ("age", RANDOM.integers(18, 90, ROWS), "numeric", "named by 'age'"),
        ("price_cents", RANDOM.integers(1, 99_999, ROWS), "numeric", "named by 'cents'"),
        ("hour", RANDOM.integers(0, 24, ROWS), "numeric", "named by 'hour'"),
        ("n_events", RANDOM.integers(0, 24, ROWS), "numeric", "named by 'n'"),
        ("x", RANDOM.poisson(RANDOM.exponential(2, ROWS)), "numeric", "many of them 0"),
        ("x", RANDOM.integers(-9, 9, ROWS), "numeric", "some below -1"),
        ("x", [0, 1] * 200, "numeric", "two values"),
        ("x", [None, 1.5] * 200, "numeric", "real numbers"),
    ],
)
def test_a_column_becomes_a_feature(name, values, role, reason):
    inferred = infer(**{name: values})
    assert getattr(inferred.columns, role) == (name,)
    assert inferred.readings[name].role == role
    assert reason in inferred.readings[name].reason
    assert inferred.left_out == {}


DAYS = [datetime.datetime(2023, 11, 1) + datetime.timedelta(day % 30) for day in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("", range(ROWS), "an index without a name"),
        ("Unnamed: 0", range(ROWS), "an index without a name"),
        ("__index_level_0__", range(ROWS), "an index without a name"),
        ("", [""] * ROWS, "empty in every row"),
        ("__index_level_0__", DAYS, "timestamps without a role"),
        ("row_id", range(7, ROWS + 7), "numbers the rows one by one"),
        ("created_at", DAYS, "timestamps without a role"),
        ("birth", [day.date() for day in DAYS], "dates without a role"),
        ("created_at", [day.isoformat() for day in DAYS], "dates without a role"),
        ("created_at", [str(day)[:10] for day in DAYS], "dates without a role"),
        ("request", [f"r{row}" for row in range(ROWS)], "value of its own (400 in 400 rows)"),
        ("click_id", RANDOM.permutation(ROWS), "value of its own (400 in 400 rows)"),
        ("x", ["", "NA"] * 200, "empty in every row"),
        ("x", pa.nulls(ROWS), "empty in every row"),
        ("x", [3] * ROWS, "the same in every row"),
        ("x", [[1, 2]] * ROWS, "of type list"),
        ("x", [b"a", b"b"] * 200, "of type binary"),
        ("x", pa.array([b"a" * 16, b"b" * 16] * 200, pa.binary(16)), "of type fixed_size_binary"),
        ("x", pa.array([b"a" * 16, b"b" * 16] * 200, pa.uuid()), "of type extension"),
        ("position", [0, 1] * 200, "called like the role position"),
        ("propensity", [0.5, 0.25] * 200, "called like the role propensity"),
    ],
)
def test_a_column_is_left_out_with_a_word(name, values, reason):
    inferred = infer(**{name: values, "device": ["phone", "desk"] * 200})
    assert inferred.columns.categorical == ("device",)
    assert inferred.columns.numeric == ()
    assert reason in inferred.left_out[name]


def test_one_value_and_none_is_a_feature():
    assert infer(landing=["a", ""] * 200).columns.categorical == ("landing",)


def test_whole_numbers_that_nothing_tells_are_asked_for():
    popular = np.minimum(RANDOM.zipf(1.5, ROWS), 99)
    unknown = np.where(CODES == 1000, -1, CODES)
    listed = (CODES, text(CODES), RANDOM.integers(0, 30, ROWS), [None, *CODES[1:]])
    for values in (*listed, popular, unknown):
        with pytest.raises(InputError, match="log: column 'x' holds whole numbers") as raised:
            infer(x=values)
        assert 'categorical = ["x"]' in str(raised.value)
        assert 'others = "infer"' in str(raised.value)
    with pytest.raises(InputError, match="log: columns 'x', 'y' hold whole numbers"):
        infer(x=CODES, y=CODES)


def prices_with(*markers):
    return [
        markers[row // 9 % len(markers)] if row % 9 == 0 else str(row / 8) for row in range(ROWS)
    ]


def test_numbers_spoilt_by_markers_are_told_with_the_key_to_add():
    with pytest.raises(InputError) as raised:
        infer(price=prices_with("\\N", "(null)", "#N/A"))
    message = str(raised.value)
    assert (
        "log: column 'price' has numbers except for '\\\\N', '(null)', '#N/A' (45 of 400" in message
    )
    assert 'missing = ["\\\\N", "(null)", "#N/A"] to [table]' in message
    declared = infer(price=prices_with("\\N", "-"), options={"missing": ("\\N", "-")})
    assert declared.columns.numeric == ("price",)
    assert infer(price=prices_with("free", "cheap")).columns.numeric == ()
    with pytest.raises(InputError, match=r"300 of 400 rows.*missing = \[\"-\"\]"):
        infer(price=[str(row) if row % 4 == 0 else "-" for row in range(ROWS)])
    # A code of few values, and a text that is now and then a number.
    assert infer(size=["1", "2", "-", "3"] * 100).columns.categorical == ("size",)
    titles = [f"t{row % 30}" if row % 4 else str(row % 300) for row in range(ROWS - 1)]
    assert infer(title=[*titles, "-"]).columns.categorical == ("title",)
    assert infer(zip_code=text(CODES[:-1]) + ["unknown"]).columns.categorical == ("zip_code",)


def test_decimal_commas_are_told():
    prices = [f"{row % 50},5" for row in range(ROWS)]
    with pytest.raises(InputError, match=r"numbers such as '0,5'.*decimal = \",\""):
        infer(price=prices)
    assert infer(price=prices, options={"decimal": ","}).columns.numeric == ("price",)


def test_a_partition_is_a_category_even_where_it_is_a_date():
    days = [day.isoformat() for day in DAYS]
    assert infer(day=days, options={"partitions": ("day",)}).columns.categorical == ("day",)


def test_named_features_stay_and_the_rest_is_inferred():
    table = pa.table({"click": [0, 1] * 50, "C14": [7, 8, 9, 10] * 25, "device": ["a", "b"] * 50})
    spec = ColumnSpec("click", categorical=("C14",), features_given=False)
    inferred = infer_features(spec, {"all": RawTable("log", table)})
    assert inferred.columns.categorical == ("C14", "device")
    assert list(inferred.readings) == ["device"]


def test_a_column_of_three_tables_is_judged_as_one():
    parts = [[1.0, 2.0], [3.0, 4.0], [0.5, 5.0]]
    tables = {
        name: RawTable(name, pa.table({"click": [0, 1], "x": cells}))
        for name, cells in zip(("train", "validation", "test"), parts, strict=True)
    }
    spec = ColumnSpec("click", features_given=False)
    assert infer_features(spec, tables).columns.numeric == ("x",)
    tables["test"] = RawTable("test", pa.table({"click": [0, 1], "x": ["a", "b"]}))
    assert infer_features(spec, tables).columns.categorical == ("x",)


def test_a_key_of_the_counters_is_a_category():
    table = pa.table({"click": [0, 1] * 50, "x": np.arange(100) % 7})
    spec = ColumnSpec("click", entities=(("x",),), features_given=False)
    assert infer_features(spec, {"all": RawTable("log", table)}).columns.categorical == ("x",)


def test_pandas_own_index_is_left_out(tmp_path):
    frame = pd.DataFrame({"click": [1, 0] * 50, "device": ["a", "b"] * 50}).sample(
        frac=1, random_state=1
    )
    table = pa.Table.from_pandas(frame)
    assert "__index_level_0__" in table.column_names
    spec = ColumnSpec("click", features_given=False)
    inferred = infer_features(spec, {"all": RawTable("log", table)})
    assert list(inferred.left_out) == ["__index_level_0__"]


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("user_id", "id"),
        ("userID", "id"),
        ("id_user", "id"),
        ("UUID", "id"),
        ("campaign", "id"),
        ("campaign_budget", "amount"),
        ("ad_age_days", "amount"),
        ("n_clicks", "amount"),
        ("price_category", "id"),
        ("C14", None),
        ("14", None),
        ("paid", None),
    ],
)
def test_what_a_name_says(name, meaning):
    assert (meaning_of(name) or (None,))[0] == meaning


@pytest.mark.parametrize("style", ["{:,.2f}", "${:.2f}", "{:.1f} %", "{:,}", "€ {:,.0f}"])
def test_numbers_as_people_read_them_are_no_categories(style):
    shown = [style.format(number) for number in CODES * 1000]
    with pytest.raises(InputError, match="column 'price' has numbers such as .*plain numbers"):
        infer(price=shown)
    with pytest.raises(InputError, match="plain numbers"):
        infer(price=[*shown[:100], *text(range(300))])


def test_a_few_levels_with_a_sign_are_a_category():
    assert infer(discount=["10%", "20%"] * 200).columns.categorical == ("discount",)


@pytest.mark.parametrize("kind", [float, str])
def test_a_few_infinite_numbers_are_refused_with_the_line_that_declares_them(kind):
    values = [*np.linspace(0, 1, ROWS - 2), np.inf, -np.inf]
    cells = [kind(value) for value in values]
    with pytest.raises(InputError, match="2 infinite numbers in 400 rows") as refused:
        infer(ctr=cells)
    missing = ("inf", "-inf")
    assert 'missing = ["inf", "-inf"]' in str(refused.value)
    assert infer(ctr=cells, options={"missing": missing}).columns.numeric == ("ctr",)
