import pytest

from mlsd.data import load_spec
from mlsd.runtime import InputError


def test_a_full_spec(small_log):
    small_log.replace('path = "log.csv"', 'path = "log.txt"\ndelimiter = ";"')
    small_log.spec += '[counters]\nentities = [["device"], ["user_id", "device"]]\n'
    spec = load_spec(small_log.write(table=False))
    assert (spec.case, spec.name) == ("ad_click", "small")
    assert spec.table.paths == {"all": "log.txt"}
    assert spec.table.delimiter == ";"
    assert spec.columns.singles() == {"label": "click", "time": "ts", "user": "user_id"}
    assert spec.columns.entities == (("device",), ("user_id", "device"))
    assert spec.split.parts == (0.6, 0.2, 0.2)


def test_only_table_and_label_are_needed(tmp_path):
    path = tmp_path / "my_log.toml"
    path.write_text('[table]\npath = "log.csv"\n[columns]\nlabel = "click"\n')
    spec = load_spec(path)
    assert (spec.case, spec.name, spec.split.kind) == (None, "my_log", "shuffle")
    assert not spec.columns.features_given


def test_a_time_makes_the_split_by_time_and_three_tables_make_it_given(small_log):
    head, _, _ = small_log.spec.partition("[split]")
    small_log.spec = head
    assert load_spec(small_log.write()).split.kind == "time"
    small_log.replace('path = "log.csv"', 'train = "a.csv"\nvalidation = "b.csv"\ntest = "c.csv"')
    spec = load_spec(small_log.write())
    assert spec.split.kind == "given"
    assert list(spec.table.paths) == ["train", "validation", "test"]


CHANGES = [
    ('label = "click"', "", r"\[columns\] lacks label"),
    ('label = "click"', 'label = "click"\ntarget = "x"', "unknown role 'target'; known: label"),
    ('user = "user_id"', 'usr = "user_id"', "unknown role 'usr'; did you mean 'user'"),
    ('label = "click"', "label = 3", "label = 3 is not a text"),
    ('label = "click"', 'label = ""', "label is empty"),
    ('["device"]', '"device"', "categorical = 'device' is not a list"),
    ('["device"]', '["device", 3]', "must be a list of column names"),
    ('["device"]', '["device", "device"]', "names column 'device' twice"),
    ('["price"]', '["device"]', "gives column 'device' two roles"),
    ('["price"]', '["click"]', "gives column 'click' two roles"),
    ('user = "user_id"', 'user = "click"', "gives column 'click' two roles"),
    ('time = "ts"', 'known_at = "ts"', "known_at without time"),
    ('path = "log.csv"', "", "needs path, or train, validation and test"),
    ('path = "log.csv"', 'path = "log.csv"\ntest = "t.csv"', "needs path, or train"),
    ('path = "log.csv"', 'train = "t.csv"\ntest = "t.csv"', "lacks validation"),
    ('path = "log.csv"', 'path = "log.csv"\ndelimiter = ", "', "must be one ASCII character"),
    ('path = "log.csv"', 'pth = "log.csv"', "unknown key 'pth'; did you mean 'path'"),
    ('case = "ad_click"', 'case = "ads"', "case 'ads' is unknown"),
    ('name = "small"', 'name = "../small"', "name '../small' must consist of"),
    ('case = "ad_click"', 'cases = "ad_click"', "unknown key 'cases'"),
    ('case = "ad_click"', '[tables]\nx = 1', "unknown key 'tables'; did you mean 'table'"),
    ('case = "ad_click"', 'columns = 3', "invalid TOML|is not a section"),
    ('kind = "time"', 'kind = "random"', "kind 'random' is unknown"),
    ('kind = "time"', 'kind = "given"', 'goes with three tables'),
    ('kind = "time"', 'kind = "time"\nseed = -1', "seed = -1 must be 0 or more"),
    ('kind = "time"', 'kind = "time"\nseed = 1.5', "seed = 1.5 is not a whole number"),
    ('kind = "time"', 'kind = "time"\nseed = true', "seed = True is not a whole number"),
    ("[0.6, 0.2, 0.2]", "[0.6, 0.2]", "give three numbers"),
    ("[0.6, 0.2, 0.2]", "[0.6, 0.2, 0.3]", r"\[split\] parts sums to 1.1"),
    ("[0.6, 0.2, 0.2]", "[1.4, -0.2, -0.2]", "above 0"),
    ("[split]", '[counters]\nentities = [["price"]]\n[split]', "entities both name 'price'"),
    ("[split]", '[counters]\nentities = [[]]\n[split]', "empty key"),
    ("[split]", '[counters]\nentities = ["device"]\n[split]', "must be a list of column names"),
    ("[split]", '[counters]\nentities = [["device"], ["device"]]\n[split]', "one key twice"),
    ("[split]", '[counters]\nkeys = []\n[split]', r"\[counters\] unknown key 'keys'"),
    ("[split]", "[split", "invalid TOML"),
    ('time = "ts"', 'missing = ["-"]', r"missing stands .* it belongs to \[table\]"),
    ('path = "log.csv"', 'path = "log.csv"\nlabel = "click"', r"it belongs to \[columns\]"),
    ('path = "log.csv"', 'path = "log.csv"\nothers = "infer"', r"it belongs to \[columns\]"),
    ('case = "ad_click"', 'path = "log.csv"', r"small.toml: path stands .* belongs to \[table\]"),
    ('time = "ts"', 'kind = "shuffle"', r"it belongs to \[split\]"),
    ('kind = "time"', 'kind = "tme"', "kind 'tme' is unknown; did you mean 'time'"),
    ('case = "ad_click"', 'case = "ad_clik"', "did you mean 'ad_click'"),
    ('path = "log.csv"', 'path = "log.csv"\ndecimal = "."\ndelimiter = "."', "are both '.'"),
    ('path = "log.csv"', 'path = "log.csv"\ndecimal = ";"', "decimal ';' must be"),
    ('path = "log.csv"', 'path = "log.csv"\nmissing = "-"', "missing = '-' is not a list"),
    ('path = "log.csv"', 'path = "log.csv"\nmissing = [0]', "must be a list of texts"),
    ('path = "log.csv"', 'path = "log.csv"\nnames = ["a", "a"]', "names column 'a' twice"),
    ('path = "log.csv"', 'path = "log.csv"\nnames = ["a", ""]', "has an empty name"),
    ('time = "ts"', 'time = "ts"\ntime_unit = "hours"', "time_unit 'hours' is unknown"),
    ('time = "ts"', 'time = "ts"\ntime_format = "yymmdd"', "is not a notation of times"),
    ('time = "ts"', 'time = "ts"\ntime_unit = "s"\ntime_format = "%y"', "keep one of them"),
    ('time = "ts"', 'time_unit = "s"', "time_unit without time"),
    ('time = "ts"', 'time = "ts"\nknown_at_missing = "7d"', "without known_at"),
    ('time = "ts"', 'time = "ts"\nknown_at = "x"\nknown_at_missing = "soon"', 'must be "end", or'),
    ('time = "ts"', 'time = "ts"\nothers = "all"', "others 'all' is unknown"),
    ('numeric = ["price"]', 'numeric = [""]', 'names a column "", which has no name'),
    ('label = "click"', 'label = "click"\nlabel_rule = "4 or more"', "must be a comparison"),
    ('label = "click"', 'label = "click"\nlabel_positive = [0.5]', "must be a list of texts"),
    (
        'label = "click"',
        'label = "click"\nlabel_positive = [1]\nlabel_rule = "> 0"',
        "label_positive and label_rule; keep one",
    ),
    ('time = "ts"', 'time = "ts"\nweight = "w"\nsampling_rate = "r"', "a weight is 1 / rate"),
    ('time = "ts"', 'time = "ts"\nweight = "price"', "gives column 'price' two roles"),
    (
        'time = "ts"',
        'time = "ts"\nposition = "slot"\nentities = [["slot"]]',
        "entities both name 'slot'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), CHANGES)
def test_wrong_specs(small_log, old, new, message):
    path = small_log.replace(old, new).write()
    with pytest.raises(InputError, match=message) as raised:
        load_spec(path)
    assert str(raised.value).startswith("small.toml: ")
    assert "\n" not in str(raised.value)


def test_time_split_needs_a_time(small_log):
    with pytest.raises(InputError, match='kind = "time" needs'):
        load_spec(small_log.replace('time = "ts"\n', "").write())


def test_entities_in_both_places(small_log):
    small_log.replace('user = "user_id"', 'user = "user_id"\nentities = [["device"]]')
    assert load_spec(small_log.write()).columns.entities == (("device",),)
    small_log.spec += '[counters]\nentities = [["device"]]\n'
    with pytest.raises(InputError, match="both give entities"):
        load_spec(small_log.write())


def test_no_file_folder_and_no_text(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path, message in [
        (tmp_path / "no.toml", "no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "binary.toml", "is not UTF-8 text"),
        ("bad\0path.toml", "cannot be read|no such file"),
    ]:
        with pytest.raises(InputError, match=message):
            load_spec(path)


def test_the_keys_of_reading(small_log):
    small_log.replace(
        'path = "log.csv"',
        'path = "log.csv"\nnames = ["a", "b"]\ndecimal = ","\nmissing = ["-", "\\\\N"]',
    ).replace(
        'time = "ts"',
        'time = "ts"\ntime_unit = "ms"\nknown_at = "done"\nknown_at_missing = "7d"\n'
        'position = "slot"\nlabel_positive = ["yes", 1, true]\nothers = "infer"',
    )
    spec = load_spec(small_log.write())
    assert (spec.table.names, spec.table.decimal) == (("a", "b"), ",")
    assert spec.table.missing == ("-", "\\N")
    columns = spec.columns
    assert (columns.time_unit, columns.known_at_missing, columns.position) == ("ms", "7d", "slot")
    assert columns.label_positive == ("yes", "1", "true")
    assert not columns.features_given
    assert columns.categorical == ("device",)


def test_a_spec_with_a_byte_order_mark(small_log):
    path = small_log.write()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_spec(path).name == "small"
