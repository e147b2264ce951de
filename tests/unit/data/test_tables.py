import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlsd.data.tables import read_table
from mlsd.runtime import InputError


@pytest.fixture
def table():
    return pa.table({"click": [0, 1, 1], "device": ["phone", "desk", "phone"]})


def rows(raw):
    return raw.table.to_pydict()


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.tsv", "log.tsv.gz"])
def test_text_tables_come_as_text(tmp_path, name):
    delimiter = "," if ".csv" in name else "\t"
    text = f"click{delimiter}device\n0{delimiter}007\n1{delimiter}\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    assert rows(read_table(tmp_path / name)) == {"click": ["0", "1"], "device": ["007", ""]}


def test_parquet_plain_and_gzipped(tmp_path, table):
    pq.write_table(table, tmp_path / "log.parquet")
    packed = gzip.compress((tmp_path / "log.parquet").read_bytes())
    (tmp_path / "log.parquet.gz").write_bytes(packed)
    for name in ("log.parquet", "log.parquet.gz"):
        assert read_table(tmp_path / name).table.equals(table)


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path, table):
    folder = tmp_path / "day=3"
    folder.mkdir()
    pq.write_table(table, folder / "log.parquet")
    assert read_table(folder / "log.parquet").table.column_names == ["click", "device"]


def test_byte_order_mark_windows_line_ends_and_quotes(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b'\xef\xbb\xbfclick,title\r\n0,"a, ""b""\nc"\r\n1,d\r\n')
    assert rows(read_table(path)) == {"click": ["0", "1"], "title": ['a, "b"\nc', "d"]}


def test_a_delimiter_makes_any_suffix_text_and_names_replace_the_header(tmp_path):
    path = tmp_path / "u.data"
    path.write_text('1|a "quoted\n2|b\n')
    raw = read_table(path, delimiter="|", names=("id", "title"), quoted=False)
    assert rows(raw) == {"id": ["1", "2"], "title": ['a "quoted', "b"]}
    assert raw.row(0) == "row 1"


def test_latin_1_text(tmp_path):
    path = tmp_path / "film.csv"
    path.write_bytes("title\nCité\n".encode("latin-1"))
    assert rows(read_table(path, encoding="latin-1")) == {"title": ["Cité"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a,b\n1,2\n3\n", "row 3 has 1 field, the header has 2"),
        (b"a,b\n1,2\n3,4,5\n", "row 3 has 3 fields, the header has 2"),
        (b'a,b\n1,2\n"3,4\n5,6\n', "row 3 has 1 field"),
        (b"a,b,a\n1,2,3\n", "column 'a' stands twice"),
        (b"a,b\n", "the table is empty"),
        (b"", "the first line is empty"),
        (b"\na,b\n1,2\n", "the first line is empty"),
        (b"a,b\n1,2\n3,\xff\n", "row 3 is not UTF8 text"),
        (b"a,\xff\n1,2\n", "row 1 is not UTF8 text"),
        (b"a,b\n" + b"1,2\n" * 9_999 + b"\xee\n3,4\n", "row 10001 has 1 field"),
    ],
)
def test_broken_text(tmp_path, text, message):
    path = tmp_path / "log.csv"
    path.write_bytes(text)
    with pytest.raises(InputError, match=message) as raised:
        read_table(path)
    assert str(raised.value).startswith("log.csv: ")


def test_the_broken_row_is_found_far_down_a_large_file(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("a,b\n" + "1,2\n" * 400_000 + "1\n" + "1,2\n" * 10)
    with pytest.raises(InputError, match="row 400002 has 1 field"):
        read_table(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_parquet(tmp_path, table, share):
    path = tmp_path / "log.parquet"
    pq.write_table(table, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match="log.parquet: no readable Parquet file"):
        read_table(path)


@pytest.mark.parametrize("name", ["log.csv.gz", "log.parquet.gz"])
def test_truncated_and_false_gzip(tmp_path, name):
    path = tmp_path / name
    whole = gzip.compress(b"click,device\n" * 999)
    for data in (whole[:-20], b"no gzip at all"):
        path.write_bytes(data)
        with pytest.raises(InputError, match="truncated or damaged"):
            read_table(path)


def test_truncated_gzip_whose_text_is_well_formed(tmp_path):
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)[:-12])
    with pytest.raises(InputError, match="truncated or damaged"):
        read_table(path)


def test_parquet_with_two_columns_of_one_name(tmp_path):
    arrays = [pa.array([1]), pa.array([2])]
    pq.write_table(pa.Table.from_arrays(arrays, names=["a", "a"]), tmp_path / "log.parquet")
    with pytest.raises(InputError, match="column 'a' stands twice"):
        read_table(tmp_path / "log.parquet")


def test_no_file_folder_and_unknown_suffix(tmp_path):
    (tmp_path / "log.xlsx").write_bytes(b"x")
    for path, message in [
        (tmp_path / "no.csv", "no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "log.xlsx", "unknown type of table"),
        ("bad\0path.csv", "not a usable path|no such file"),
    ]:
        with pytest.raises(InputError, match=message):
            read_table(path)
