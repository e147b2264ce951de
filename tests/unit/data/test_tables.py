import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlsd.data.tables import RawTable, read_table, read_tables
from mlsd.runtime import InputError


@pytest.fixture
def table():
    return pa.table({"click": [0, 1, 1], "device": ["phone", "desk", "phone"]})


def rows(raw):
    return raw.table.to_pydict()


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACK = {"": bytes, ".gz": gzip.compress, ".zst": zstd}


@pytest.mark.parametrize("spelt", [str, str.upper])
@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize(("kind", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_text_tables_come_as_text(tmp_path, kind, delimiter, packed, spelt):
    text = f"click{delimiter}device\n0{delimiter}007\n1{delimiter}\n".encode()
    name = spelt(f"log{kind}{packed}")
    (tmp_path / name).write_bytes(PACK[packed](text))
    assert rows(read_table(tmp_path / name)) == {"click": ["0", "1"], "device": ["007", ""]}


def test_parquet_plain_and_packed(tmp_path, table):
    pq.write_table(table, tmp_path / "log.parquet")
    for packed in (".gz", ".zst"):
        data = PACK[packed]((tmp_path / "log.parquet").read_bytes())
        (tmp_path / f"log.parquet{packed}").write_bytes(data)
    for name in ("log.parquet", "log.parquet.gz", "log.parquet.zst"):
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
        (b"a,b\n1,2\n3,\xff\n", "line 3 is not UTF8 text"),
        (b"a,\xff\n1,2\n", "line 1 is not UTF8 text"),
        (b"a;b;c\n1;2,5;3\n", "is ';' the delimiter\\? add delimiter = \";\""),
        (b"a\tb\n1\t2\n", r'add delimiter = "\\t"'),
        (b"a|b\n1|2\n", r"is '\|' the delimiter"),
        (b"0,17,x,0\n1,18,y,0\n", r"looks like data.*names = \[.*, 4 of them"),
        (b'a,b\n"x\ny",2\n3\n', r"row 3 \(line 4\) has 1 field"),
        (b'a,b\n"x\ny",2\n3,4\n5,"z\n6,7\n8,9\n', r"row 4 \(line 5\) opens a quote that is never"),
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


@pytest.mark.parametrize("packed", [".gz", ".zst"])
@pytest.mark.parametrize("kind", ["log.csv", "log.parquet"])
def test_truncated_and_falsely_named_packed_files(tmp_path, kind, packed):
    path = tmp_path / f"{kind}{packed}"
    whole = PACK[packed](b"click,device\n" * 999)
    for data in (whole[:-9], b"no packed file at all"):
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


def test_a_field_of_megabytes_is_read(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f'a,b\n1,"{"x" * 3_000_000}"\n2,y\n')
    assert [len(cell) for cell in rows(read_table(path))["b"]] == [3_000_000, 1]


def test_a_field_that_no_block_holds_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("mlsd.data.tables.text.BLOCK_SIZES", (1 << 20, 2 << 20))
    path = tmp_path / "log.csv"
    path.write_text(f'a,b\n1,2\n1,"{"x" * 9_000_000}"\n2,y\n')
    with pytest.raises(InputError, match="longer than 2 MB, beginning near row 3; is a quote not"):
        read_table(path)


def test_names_in_place_of_a_header(tmp_path):
    path = tmp_path / "log.tsv"
    path.write_text("0\tphone\n1\tdesk\n")
    raw = read_table(path, names=("click", "device"))
    assert rows(raw) == {"click": ["0", "1"], "device": ["phone", "desk"]}
    with pytest.raises(InputError, match="row 1 has 2 fields, for 3 names"):
        read_table(path, names=("click", "device", "price"))
    path.write_text("click\tdevice\n1\tdesk\n")
    with pytest.raises(InputError, match="holds the names already"):
        read_table(path, names=("click", "device"))


def test_names_are_not_for_parquet(tmp_path, table):
    pq.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(InputError, match=r"log.parquet: \[table\] names is for text"):
        read_table(tmp_path / "log.parquet", names=("a", "b"))


def test_a_missing_column_is_told_with_what_it_may_be_called(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("click, ts\n0,1\n")
    with pytest.raises(
        InputError, match="'ts' is missing; did you mean ' ts'\\? .* 'click', ' ts'"
    ):
        read_table(path).column("ts")
    with pytest.raises(InputError, match="did you mean 'click'"):
        read_table(path).column("CLICK")
    path.write_text("0,17,x\n1,18,y\n")
    with pytest.raises(InputError, match="is the first line data.*names = .* 3 of them"):
        read_table(path).column("ts")

    path.write_text("a,b,c,d,2021\n1,2,3,4,5\n")
    with pytest.raises(InputError, match="'ts' is missing; the table .*; correct .columns. or"):
        read_table(path).column("ts")


def test_a_header_of_two_columns_may_contain_another_delimiter(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("a;b,c\n1,2\n")
    assert read_table(path).table.column_names == ["a;b", "c"]


def test_columns_of_a_wide_table_come_in_few_pieces(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(",".join(f"f{c}" for c in range(2_000)) + "\n" + ("1.25," * 1999 + "2\n") * 400)
    assert read_table(path).table.column(0).num_chunks <= 2


def test_a_row_is_named_by_its_line_where_cells_hold_line_ends():
    raw = RawTable("log.csv", pa.table({"a": ["1\n2\n3", "b"], "c": ["x", "y"]}), 2)
    assert (raw.row(0), raw.row(1)) == ("row 2", "row 3 (line 5)")


def write_parts(folder, tables, suffix="parquet"):
    for place, table in tables.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / f"{place}.{suffix}")


def test_a_folder_of_partitions(tmp_path, table):
    log = tmp_path / "log"
    write_parts(log, {"day=2/hour=a%20b/x": table, "day=1/hour=c/y": table.slice(2)})
    write_parts(log, {"_temporary/z": table, ".hidden": table, "day=1/.part": table})
    (log / "_SUCCESS").write_text("")
    raw = read_tables(tmp_path, "log")
    assert raw.table.num_rows == 4
    assert rows(raw)["day"] == ["1", "2", "2", "2"]
    assert rows(raw)["hour"] == ["c", "a b", "a b", "a b"]
    assert raw.partitions == ("day", "hour")
    with pytest.raises(InputError, match=r"day=2/hour=a%20b/x.parquet: row index 1 \(.*'click' is"):
        raw.fail("click", "is wrong", 2)


def test_a_partition_without_value_and_one_that_the_file_holds_too(tmp_path, table):
    write_parts(tmp_path, {"log/day=__HIVE_DEFAULT_PARTITION__/device=x/a": table})
    raw = read_tables(tmp_path, "log")
    assert rows(raw)["day"] == [None] * 3
    assert rows(raw)["device"] == ["phone", "desk", "phone"]
    assert raw.partitions == ("day",)


def test_a_pattern(tmp_path):
    for number in (2, 1):
        text = gzip.compress(f"a,b\n{number},x\n".encode())
        (tmp_path / f"part-{number}.csv.gz").write_bytes(text)
    (tmp_path / "other.csv").write_text("c\n1\n")
    raw = read_tables(tmp_path, "part-*.csv.gz")
    assert rows(raw) == {"a": ["1", "2"], "b": ["x", "x"]}
    with pytest.raises(InputError, match="part-2.csv.gz: row 2, column 'a' is wrong"):
        raw.fail("a", "is wrong", 1)
    for path in ("none-*.csv", "other/*"):
        with pytest.raises(InputError, match="no file matches"):
            read_tables(tmp_path, path)


def test_folders_that_a_pattern_names_in_full_are_not_partitions(tmp_path, table):
    write_parts(tmp_path, {"day=1/hour=2/a": table, "day=1/hour=3/a": table})
    assert rows(read_tables(tmp_path, "day=1/hour=2/*.parquet")).keys() == {"click", "device"}
    assert read_tables(tmp_path, "day=1/*/*.parquet").partitions == ("hour",)


def test_lines_are_counted_within_a_file(tmp_path):
    (tmp_path / "a.csv").write_text('a,b\n"x\ny",1\n')
    (tmp_path / "b.csv").write_text("a,b\nx,1\ny,2\n")
    assert read_tables(tmp_path, "?.csv").row(2) == "row 3"


def test_a_folder_whose_name_holds_a_wildcard(tmp_path, table):
    write_parts(tmp_path, {"log[1]/a": table})
    assert read_tables(tmp_path, "log[1]").table.num_rows == 3


def test_a_file_whose_name_holds_a_wildcard(tmp_path):
    (tmp_path / "log[1].csv").write_text("a\n1\n")
    assert rows(read_tables(tmp_path, "log[1].csv")) == {"a": ["1"]}


def test_columns_of_several_files_may_stand_in_any_order_but_have_to_agree(tmp_path, table):
    write_parts(tmp_path, {"log/a": table, "log/b": table.select(["device", "click"])})
    assert rows(read_tables(tmp_path, "log"))["click"] == [0, 1, 1] * 2
    write_parts(tmp_path, {"log/c": table.drop_columns(["device"])})
    with pytest.raises(InputError, match=r"c.parquet: column 'device' is missing, which a.parquet"):
        read_tables(tmp_path, "log")
    write_parts(tmp_path, {"log/c": table.append_column("more", pa.array([1, 2, 3]))})
    with pytest.raises(InputError, match=r"a.parquet: column 'more' is missing, which c.parquet"):
        read_tables(tmp_path, "log")


def test_types_of_several_files(tmp_path, table):
    narrow = table.set_column(0, "click", table["click"].cast(pa.int8()))
    write_parts(tmp_path, {"log/a": narrow, "log/b": table})
    assert read_tables(tmp_path, "log").table.schema.field("click").type == pa.int64()
    text = table.set_column(0, "click", table["click"].cast(pa.string()))
    write_parts(tmp_path, {"log/c": text})
    with pytest.raises(InputError, match=r"c.parquet: column 'click' is of type string, in a.parq"):
        read_tables(tmp_path, "log")


def test_an_empty_folder(tmp_path):
    (tmp_path / "log").mkdir()
    with pytest.raises(InputError, match="no file in it"):
        read_tables(tmp_path, "log")


@pytest.mark.parametrize("place", ["a", "z"])
def test_a_part_without_rows_is_passed_over(place, tmp_path, table):
    write_parts(tmp_path, {"log/m": table, f"log/{place}": table.slice(0, 0)})
    assert read_tables(tmp_path, "log").table.equals(table)
    (tmp_path / "log" / f"{place}.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=f"{place}.parquet: no readable Parquet file"):
        read_tables(tmp_path, "log")


@pytest.mark.parametrize("empty", ["", "click,device\n"])
def test_a_text_part_without_rows_is_passed_over(empty, tmp_path):
    (tmp_path / "a.csv").write_text(empty)
    (tmp_path / "b.csv").write_text("click,device\n0,phone\n")
    assert rows(read_tables(tmp_path, "*.csv")) == {"click": ["0"], "device": ["phone"]}
    (tmp_path / "b.csv").write_text(empty)
    with pytest.raises(InputError, match="no file in it has a row|the first line is empty"):
        read_tables(tmp_path, "*.csv")


@pytest.mark.parametrize("end", ["\n", "\n\n", ",\n"])
def test_blank_lines_at_the_end_are_no_rows(end, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f"click,device\n0,phone\n,\n1,\n{end}")
    assert rows(read_table(path)) == {"click": ["0", "", "1"], "device": ["phone", "", ""]}
    path.write_text("click\n0\n\n")
    assert rows(read_table(path)) == {"click": ["0", ""]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"a,b\n1,2\n"), "is packed by gzip, not text; add .gz to its name"),
        (zstd(b"a,b\n1,2\n"), "is packed by zstd, not text; add .zst to its name"),
        (b"PAR1\x15\x04", "is a Parquet file, not text; name it .parquet"),
        (
            b"PK\x03\x04\x14",
            "is a zip archive or a workbook, not text; unpack it, or save it as CSV",
        ),
    ],
)
def test_a_file_of_another_kind_is_told_by_its_beginning(tmp_path, content, message):
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        read_table(path)
    assert str(raised.value) == f"log.csv: {message}"
