"""Whatever table or spec is made up: a valid log, or one line of InputError; nothing else."""

import datetime
import gzip
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from mlsd.data import load_log, load_spec, validate_log
from mlsd.runtime import InputError

SETTINGS = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
COLUMNS = ["y", "ts", "known", "user", "kind", "number"]
ODD_CELLS = st.one_of(
    st.sampled_from(["", "nan", "inf", "-1e308", "1e400", "2020-01-01", "24:00", "x,y", "2", "-1"]),
    st.sampled_from(['"', '"a\nb"', "0x1F", "9" * 400, "1_0", "٣", "\0", "True", "\r"]),
    st.text(max_size=5),
)  # fmt: skip


def check_outcome(files, spec):
    """Load; a valid log or a one-line InputError passes, anything else is the test's failure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, data in files.items():
            (folder / file).write_bytes(data)
        (folder / "s.toml").write_bytes(spec.encode("utf-8", "surrogatepass"))
        message = log = None
        try:
            log = load_log(folder / "s.toml")
        except InputError as error:
            message = str(error)
    if log is not None:
        validate_log(log)
    else:
        assert message.strip()
        assert "\n" not in message
    return log


def toml_value(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml_value(v)}' for key, v in value.items()) + "}"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
    return str(value).lower()


def toml(sections):
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{key} = {toml_value(val)}" for key, val in values.items())]
    return "\n".join(lines) + "\n"


def some(names, **options):
    return st.lists(st.sampled_from(names), unique=True, **options)


RARELY = st.sampled_from([False] * 9 + [True])
SIZES = st.sampled_from([40, 24, 12]) | st.integers(0, 12)


LISTS = ("categorical", "ignore", "numeric")
OF_NUMBERS = ("numeric", "amount", "weight", "sampling_rate", "position", "propensity")
WRITTEN = {"missing": ["2", "abc"], "decimal": ",", "names": COLUMNS, "delimiter": ","}
READINGS = {
    "label_positive": [["1"], ["x", ""]],
    "label_rule": [">= 1", "!= 0", "filled"],
    "time_unit": ["s", "ms", "ns", "d"],
    "time_format": ["%Y-%m-%d", "%d"],
    "known_at_missing": ["end", "7d"],
    "others": ["infer", "ignore"],
}


@st.composite
def specs(draw, file):
    """Mostly sensible specs: roles over the columns of the table, now and then a wrong one."""
    order = draw(st.permutations(COLUMNS[1:]))
    columns = {"label": "number" if draw(RARELY) else "y"}
    if draw(st.booleans()):
        columns["time"] = "ts"
        if draw(st.booleans()):
            columns["known_at"] = draw(st.sampled_from(["known", "ts"]))
    free = [name for name in order if name not in columns.values()]
    roles = draw(some([*LISTS, *OF_NUMBERS, "user", "item"], max_size=4))
    for role, column in zip(roles, free, strict=False):
        if role in OF_NUMBERS and not draw(RARELY):
            continue
        columns[role] = [column] if role in LISTS else column
    for key in draw(some(sorted(READINGS), max_size=2)):
        columns[key] = draw(st.sampled_from(READINGS[key]))
    if draw(RARELY):
        columns["entities"] = [draw(some(COLUMNS, max_size=2))]
    kind = draw(st.sampled_from(["time", "shuffle"])) if "time" in columns else "shuffle"
    parts = draw(st.sampled_from([[0.5, 0.25, 0.25], [0.4, 0.3, 0.3], [0.8, 0.1, 0.1]]))
    split = {"kind": kind, "parts": parts, "seed": draw(st.integers(0, 5))}
    table = {"path": file}
    for key in draw(some(sorted(WRITTEN), max_size=1)):
        table[key] = WRITTEN[key]
    return toml({"table": table, "columns": columns, "split": split})


@st.composite
def text_tables(draw):
    """A good table in which a few cells, a row or the header may be broken."""
    size = draw(SIZES)
    rows = [COLUMNS] + [
        [str(row % 2), str(row), str(row + 0.5), f"u{row % 3}", "abc"[row % 3], str(row / 4)]
        for row in range(size)
    ]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        row = draw(st.integers(0, size))
        if draw(st.booleans()):
            column = draw(st.integers(0, len(COLUMNS) - 1))
            rows[row] = [*rows[row][:column], draw(ODD_CELLS), *rows[row][column + 1 :]]
        else:
            rows[row] = draw(st.lists(ODD_CELLS, max_size=8))
    return "\n".join(",".join(row) for row in rows) + draw(st.sampled_from(["", "\n", "\n\n"]))


@SETTINGS
@given(text_tables(), specs("t.csv"))
def test_text_tables(text, spec):
    check_outcome({"t.csv": text.encode("utf-8", "surrogatepass")}, spec)


VALUES = {
    "whole": st.integers(-3, 3),
    "label": st.integers(0, 1),
    "huge": st.integers(0, 2**64 - 1),
    "float": st.floats(),
    "text": st.text(max_size=3),
    "bytes": st.binary(max_size=3),
    "bool": st.booleans(),
    "list": st.lists(st.integers(0, 3), max_size=2),
    "stamp": st.datetimes(),
    "date": st.dates(),
    "time": st.times(),
    "span": st.timedeltas(
        min_value=datetime.timedelta(-999), max_value=datetime.timedelta(999)
    ),
    "decimal": st.decimals(-9, 9, places=2),
}  # fmt: skip
TYPES = {"huge": pa.uint64(), "text": pa.string(), "span": pa.duration("us")}


def parquet_bytes(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


@st.composite
def arrow_tables(draw):
    size = draw(SIZES)
    columns = {
        "y": pa.array([row % 2 for row in range(size)], pa.int64()),
        "ts": pa.array([float(row) for row in range(size)], pa.float64()),
        "known": pa.array([row + 1 for row in range(size)], pa.int64()),
        "user": pa.array([row % 3 for row in range(size)], pa.int64()),
        "kind": pa.array(["abc"[row % 3] for row in range(size)], pa.string()),
        "number": pa.array([row / 4 for row in range(size)], pa.float64()),
    }
    for name in draw(some(COLUMNS, max_size=3)):
        kind = draw(st.sampled_from(sorted(VALUES)))
        cell = VALUES[kind] if draw(st.booleans()) else st.none() | VALUES[kind]
        cells = draw(st.lists(cell, min_size=size, max_size=size))
        columns[name] = pa.array(cells, TYPES.get(kind))
        if kind == "text" and draw(st.booleans()):
            columns[name] = columns[name].dictionary_encode()
    return pa.table(columns)


@SETTINGS
@given(arrow_tables(), specs("t.parquet"))
def test_parquet_tables(table, spec):
    check_outcome({"t.parquet": parquet_bytes(table)}, spec)


def test_the_made_up_tables_include_ones_that_load():
    # Guards the two tests above, which would also pass if nothing ever loaded.
    text, arrow = st.tuples(text_tables(), specs("t.csv")), st.tuples(arrow_tables(), specs("t.pq"))
    find(text, lambda made: check_outcome({"t.csv": made[0].encode()}, made[1]) is not None)
    find(arrow, lambda made: check_outcome({"t.pq": parquet_bytes(made[0])}, made[1]) is not None)


GOOD = "\n".join(["y,ts,known,user,kind,number", *(f"{r % 2},{r},{r},u,c,1" for r in range(40))])


def good_files():
    table = pa.table({"y": [0, 1] * 20, "number": [0.5] * 40, "kind": ["a", "b"] * 20})
    packed = gzip.compress(GOOD.encode(), mtime=0)
    return {"t.csv": GOOD.encode(), "t.csv.gz": packed, "t.parquet": parquet_bytes(table)}


@pytest.mark.parametrize("file", ["t.csv", "t.csv.gz", "t.parquet"])
@SETTINGS
@given(st.data())
def test_damaged_files(file, data):
    damaged = bytearray(good_files()[file])
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))]
    check_outcome(
        {file: bytes(damaged)}, toml({"table": {"path": file}, "columns": {"label": "y"}})
    )


KEYS = st.sampled_from(
    ["path", "train", "test", "delimiter", "label", "time", "user", "categorical", "ignore",
     "entities", "kind", "parts", "seed", "source", "folder", "other", "names", "decimal",
     "missing", "weight", "time_unit", "time_format", "known_at_missing", "label_rule",
     "label_positive", "others"]
)  # fmt: skip
ANY = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(["t.csv", "y", "kind", ";", "time", "shuffle", "given", "\0", "/", "."]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=5,
)  # fmt: skip
SECTIONS = st.sampled_from(["table", "columns", "split", "counters", "more"])


@SETTINGS
@given(st.dictionaries(SECTIONS, st.dictionaries(KEYS, ANY, max_size=4), max_size=4))
def test_made_up_specs(sections):
    base = {"table": {"path": "t.csv"}, "columns": {"label": "y"}}
    check_outcome({"t.csv": GOOD.encode()}, toml(base | sections))


@SETTINGS
@given(st.text(alphabet='[]=".,abc\n 01{}#', max_size=40) | st.binary(max_size=40))
def test_texts_that_are_hardly_toml(text):
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "s.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError):
            load_spec(path)
