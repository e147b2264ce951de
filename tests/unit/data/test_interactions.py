"""Logs of interactions: what is read, what counts, how it is parted, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from mlsd.data import leave_last_split, load_spec, read_log, validate_log
from mlsd.experiments import RecommendingProtocol
from mlsd.experiments.sources import Replicate
from mlsd.runtime import InputError

# Ann ties at her last moment, Bob comes back to a film, Cid has two rows only.
ROWS = [
    ("ann", "x", 10), ("bob", "x", 11), ("ann", "y", 20), ("bob", "y", 12), ("ann", "z", 30),
    ("ann", "w", 30), ("cid", "x", 40), ("bob", "x", 50), ("bob", "z", 13), ("cid", "y", 41),
]  # fmt: skip
COLUMNS = 'user = "user"\nitem = "film"\ntime = "ts"\n'
LAST = 'kind = "leave-last-out"'


@pytest.fixture
def frame():
    return pd.DataFrame(ROWS, columns=["user", "film", "ts"])


@pytest.fixture
def read(tmp_path):
    """Write tables and a spec of them, and read it."""

    def write(frames, columns=COLUMNS, split=LAST, more="", head='case = "video"', suffix="csv"):
        tables = frames if isinstance(frames, dict) else {"path": frames}
        lines = []
        for key, table in tables.items():
            file = tmp_path / f"{key}.{suffix}"
            table.to_csv(file, index=False) if suffix == "csv" else table.to_parquet(file)
            lines.append(f'{key} = "{file.name}"')
        spec = tmp_path / "films.toml"
        body = [head, "[table]", *lines, "[columns]", columns, "[split]", split, more]
        spec.write_text("\n".join(body))
        loaded = read_log(spec)
        validate_log(loaded.log)
        return loaded

    return write


def refused(read, *arguments, **options):
    with pytest.raises(InputError) as raised:
        read(*arguments, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def parts(log):
    return {
        part: list(map(tuple, log.frame.iloc[rows][["user", "film"]].to_numpy()))
        for part, rows in log.parts().items()
    }


def test_the_last_of_each_user_is_left_out_by_hand(frame, read):
    loaded = read(frame)
    assert parts(loaded.log) == {
        "train": [("ann", "x"), ("bob", "x"), ("ann", "y"), ("cid", "x"), ("cid", "y")],
        "validation": [("bob", "y"), ("ann", "z")],
        "test": [("bob", "z"), ("ann", "w")],
    }
    assert loaded.log.split.description == "each user's last by time, ties in the order of the file"
    assert loaded.log.roles.label is None
    assert loaded.log.label.tolist() == [1] * 9
    assert (loaded.log.lists.k, loaded.log.lists.exclude_validation) == (20, True)


def test_a_pair_counts_once_at_its_first_time(frame, read):
    late_first = frame.iloc[::-1].reset_index(drop=True)
    for table in (frame, late_first):
        loaded = read(table)
        assert loaded.counts.repeats == 1
        bob = loaded.log.frame[loaded.log.frame["user"] == "bob"]
        assert list(zip(bob["film"], bob["ts"], strict=True)) == [("x", 11), ("y", 12), ("z", 13)]


def test_ties_follow_the_file_or_a_seed(frame, read):
    assert ("ann", "w") in parts(read(frame).log)["test"]
    turned = frame.iloc[[0, 1, 2, 3, 5, 4, 6, 7, 8, 9]]
    assert ("ann", "z") in parts(read(turned).log)["test"]
    seen = {
        pair
        for seed in range(12)
        for pair in parts(read(frame, split=f'{LAST}\nties = "random"\nseed = {seed}').log)["test"]
    }
    assert seen == {("ann", "w"), ("ann", "z"), ("bob", "z")}


def test_random_ties_move_nothing_that_has_a_time_of_its_own():
    generator = np.random.default_rng(0)
    users, times = generator.integers(20, size=300), generator.permutation(300)
    expected = leave_last_split(users, times)
    for seed in range(3):
        order, split = leave_last_split(users, times, seed=seed)
        np.testing.assert_array_equal(order, expected[0])
        np.testing.assert_array_equal(split.test, expected[1].test)


def test_the_last_is_the_latest_of_each_user_whatever_the_order_of_the_rows():
    generator = np.random.default_rng(1)
    users, times = generator.integers(50, size=600), generator.permutation(600)
    order, split = leave_last_split(users, times)
    table = pd.DataFrame({"user": users[order], "ts": times[order]})
    latest = table.groupby("user")["ts"].nlargest(2).groupby(level=0)
    many = table["user"].value_counts() >= 3
    kept = many.index[many]
    assert set(table["ts"].iloc[split.test]) == set(latest.max()[kept])
    assert set(table["ts"].iloc[split.validation]) == set(latest.min()[kept])


def test_without_a_third_interaction_no_one_can_be_left_out(frame, read):
    few = frame[frame["user"] == "cid"]
    assert refused(read, few) == (
        "films: no user has three interactions, as leaving the last out takes"
    )


def test_a_part_that_is_empty_says_what_became_of_its_rows(frame, read):
    again = {"train": frame, "validation": frame[:3], "test": frame[3:6]}
    assert refused(read, again, split="") == (
        "films: the validation part is empty (9 rows, given as three tables); give more rows (of "
        "16 rows, 7 repeat a pair of user and item, which counts once, in its first part)"
    )
    same = pd.DataFrame({"user": ["ann"] * 9, "film": "x", "ts": range(9)})
    message = refused(read, same, split='kind = "time"')
    assert "has one time only" in message
    assert message.endswith("(of 9 rows, 8 repeat a pair of user and item, which counts once, in "
                            "its first part)")  # fmt: skip


def test_an_item_called_minus_one_is_not_taken_for_none(frame, read):
    codes = frame.assign(film=frame["film"].map({"w": -1, "x": 0, "y": 1, "z": 2}))
    log = read(codes, suffix="parquet").log
    assert ("ann", "-1") in parts(log)["test"]
    prepared = RecommendingProtocol().for_log(log).prepare(Replicate(0, log))
    assert prepared.histories("test")[0][-3:].tolist() == ["0", "1", "2"]
    assert prepared.histories("test")[0][0] is None


def test_a_time_that_is_missing_is_named(frame, read):
    message = refused(read, frame.assign(ts=frame["ts"].where(frame.index != 6)))
    assert message == (
        "path.csv: row 8, column 'ts' is ''; every row needs its time: fill it in or remove the row"
    )


def test_only_rows_that_the_label_rule_takes_are_interactions(frame, read):
    rated = frame.assign(stars=[5, 4, 5, 4, 2, 5, 5, 5, 5, 4])
    loaded = read(rated, columns=f'{COLUMNS}label = "stars"\nlabel_rule = ">= 4"')
    assert (loaded.counts.not_chosen, loaded.counts.repeats) == (1, 1)
    assert ("ann", "w") in parts(loaded.log)["test"]
    assert ("ann", "y") in parts(loaded.log)["validation"]
    assert "stars" not in loaded.log.frame
    message = refused(read, rated, columns=f'{COLUMNS}label = "stars"\nlabel_rule = ">= 6"')
    assert message == (
        "path.csv: no row counts as an interaction, for column 'stars' is 0 throughout; "
        "correct the label or its rule"
    )


def test_a_given_part_loses_the_pairs_of_an_earlier_one(frame, read):
    tables = {
        "train": frame.iloc[:4],
        "validation": frame.iloc[[4, 0, 4]],
        "test": frame.iloc[[5, 4, 1, 5]],
    }
    loaded = read(tables, columns='user = "user"\nitem = "film"', split="")
    assert parts(loaded.log) == {
        "train": [("ann", "x"), ("bob", "x"), ("ann", "y"), ("bob", "y")],
        "validation": [("ann", "z")],
        "test": [("ann", "w")],
    }
    # Twice inside a part: (ann, z) and (ann, w); across: (ann, x), (ann, z), (bob, x).
    assert (loaded.counts.rows, loaded.counts.repeats, loaded.counts.across_parts) == (11, 5, 3)
    assert not loaded.log.lists.exclude_validation


def test_a_pair_of_two_given_parts_belongs_to_the_earlier_part_whatever_its_time(frame, read):
    early = frame.iloc[[0]].assign(ts=1)
    tables = {"train": frame.iloc[:4], "validation": frame.iloc[4:5]}
    found = read(tables | {"test": pd.concat([early, frame.iloc[[5]]])}, split="")
    assert parts(found.log)["test"] == [("ann", "w")]
    assert found.log.frame["ts"].min() == 10


def test_splits_by_time_and_by_chance(frame, read):
    by_time = read(frame, split='kind = "time"\nparts = [0.5, 0.25, 0.25]').log
    assert parts(by_time)["test"] == [("cid", "x"), ("cid", "y")]
    assert by_time.lists.exclude_validation
    plain = read(frame, columns='user = "user"\nitem = "film"', split='kind = "shuffle"').log
    assert plain.split.description == "shuffled with seed 0, 80/10/10"
    assert plain.roles.time is None


def test_weights_and_listed_columns_are_kept_by_their_names(frame, read):
    wide = frame.assign(plays=[3] * 10, watch=np.arange(10) / 2, device="tv", note="n")
    more = 'weight = "plays"\nnumeric = ["watch"]\ncategorical = ["device"]\n'
    log = read(wide, columns=COLUMNS + more).log
    assert set(log.frame) == {"user", "film", "ts", "plays", "watch", "device"}
    assert log.weights.tolist() == [3.0] * 9


FILMS = {"film": ["w", "x", "y", "z", "new"], "year": [1994, 1995, 1996, 1997, 1998]}


def test_features_of_items_as_a_table(frame, read, tmp_path):
    films = pd.DataFrame(FILMS).assign(
        genre=["a", "b", "a", "b", "a"], studio=[7, 7, 8, 8, 9], v=[[0.5, 1.0]] * 5, poster="p"
    )
    films.to_parquet(tmp_path / "films.parquet")
    section = '[items]\npath = "films.parquet"\ncategorical = ["studio"]\nignore = ["poster"]'
    items = read(frame, more=section).log.tables["items"]
    assert list(items) == ["item_id", "year", "genre", "studio", "v_0", "v_1"]
    assert items["item_id"].tolist() == FILMS["film"]
    assert items["year"].dtype == np.float64
    assert items["studio"].dtype == np.int64
    assert items["v_1"].tolist() == [1.0] * 5


def test_features_of_items_as_arrays(frame, read, tmp_path):
    vectors = np.arange(10.0).reshape(5, 2)
    np.savez(tmp_path / "films.npz", id=np.arange(5), vector=vectors)
    frame = frame.assign(film=frame["film"].map(dict(zip("wxyz", range(4), strict=True))))
    section = '[items]\npath = "films.npz"\nid = "id"'
    for suffix in ("csv", "parquet"):
        log = read(frame, more=section, suffix=suffix).log
        items = log.tables["items"]
        # A text table has ids as text, and the ids of the arrays become what the log has.
        assert items["item_id"].tolist() == ([*"01234"] if suffix == "csv" else [*range(5)])
        assert set(log.frame["film"]) < set(items["item_id"])
        np.testing.assert_array_equal(items[["vector_0", "vector_1"]], vectors)


@pytest.mark.parametrize(
    ("films", "message"),
    [
        ({"film": ["w", "x", "x"]}, "films.csv: row 4, column 'film' is 'x', which stands above"),
        ({"film": ["w", "", "x"]}, "films.csv: row 3, column 'film' is empty; give each item"),
        ({"name": ["w"]}, "films.csv: column 'film' of the items' ids is missing; the table has"),
    ],
)
def test_a_wrong_table_of_items(frame, read, tmp_path, films, message):
    pd.DataFrame(films).to_csv(tmp_path / "films.csv", index=False)
    assert message in refused(read, frame, more='[items]\npath = "films.csv"')


def test_wrong_arrays_of_items(frame, read, tmp_path):
    section = '[items]\npath = "films.npz"\nid = "id"'
    assert "no such file" in refused(read, frame, more=section)
    (tmp_path / "films.npz").write_bytes(b"PK broken")
    assert "films.npz: no readable .npz file" in refused(read, frame, more=section)
    with (tmp_path / "films.npz").open("wb") as file:
        np.save(file, np.ones((5, 2)))
    assert "(one array without a name; write it by np.savez" in refused(read, frame, more=section)
    np.savez_compressed(tmp_path / "films.npz", id=np.arange(5), vector=np.ones((5, 40)))
    spoilt = bytearray((tmp_path / "films.npz").read_bytes())
    spoilt[60:90] = b"?" * 30
    (tmp_path / "films.npz").write_bytes(spoilt)
    assert "films.npz: no readable .npz file" in refused(read, frame, more=section)
    np.savez(tmp_path / "films.npz", id=np.arange(5), vector=np.ones((4, 2)))
    message = refused(read, frame, more=section)
    assert message.startswith("films.npz: array 'vector' has shape (4, 2); give one row per item")
    with_numbers = frame.assign(film=frame["film"].map(ord))
    np.savez(tmp_path / "films.npz", id=np.array(["119", "x"]))
    message = refused(read, with_numbers, more=section, suffix="parquet")
    assert message.endswith("'id' is 'x', where the items of the log are whole numbers")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"v": [[1.0, 2.0], [1.0]]}, "row index 1 (counted from 0), column 'v' has 1 numbers, the"),
        ({"v": [[], []]}, "column 'v' holds lists of something else than numbers (null); leave"),
        ({"v": [np.zeros(0)] * 2}, "column 'v' holds a list without a number; fill it in, or"),
        ({"tags": [["a"], []]}, 'numbers (string); leave it out by ignore = ["tags"] in [items]'),
        ({"v": [[1.0]] * 2, "v_0": 1}, "'v_0' would be called 'v_0', as another feature is; ren"),
        ({"item_id": [7, 8]}, "column 'item_id' would be called 'item_id', as the ids are; rename"),
        ({"length": [np.inf, 2.0]}, "'length' is inf; give a finite number or leave it empty; if"),
        ({"film": ["w", "w"]}, "column 'film' is 'w', which stands above; give one row per item"),
    ],
)
def test_a_wrong_feature_of_items_is_named(frame, read, tmp_path, column, message):
    pd.DataFrame({"film": ["w", "x"]} | column).to_parquet(tmp_path / "films.parquet")
    assert message in refused(read, frame, more='[items]\npath = "films.parquet"')


def test_one_text_among_numbers_of_items_makes_no_category(frame, read, tmp_path):
    films = pd.DataFrame({"film": [f"f{n}" for n in range(20)], "year": [*range(19), "unknown"]})
    films.to_csv(tmp_path / "films.csv", index=False)
    section = '[items]\npath = "films.csv"'
    message = refused(read, frame, more=section)
    assert "films.csv: row 21, column 'year' is 'unknown'; give a finite number" in message
    assert message.endswith('are no numbers, add categorical = ["year"] to [items]')
    categories = read(frame, more=f'{section}\ncategorical = ["year"]').log.tables["items"]["year"]
    assert categories.iloc[-1] == "unknown"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((5, 0)), "array 'v' is of rows without a number; give numbers or text, or leave"),
        (np.ones((5, 2)) * 1j, "array 'v' is of type complex128; give numbers or text, or leave"),
        (np.zeros(5, [("a", int)]), "array 'v' is of type [('a', '<i8')]; give numbers or text"),
    ],
)
def test_arrays_of_items_of_no_use_are_named(frame, read, tmp_path, array, message):
    np.savez(tmp_path / "films.npz", film=np.array([*"vwxyz"]), v=array)
    assert message in refused(read, frame, more='[items]\npath = "films.npz"')


def test_arrays_of_items_are_read_in_any_order_of_bytes(frame, read, tmp_path):
    vectors = np.arange(10.0).reshape(5, 2)
    np.savez(tmp_path / "films.npz", film=np.array([*"vwxyz"]), v=vectors.astype(">f4"))
    items = read(frame, more='[items]\npath = "films.npz"').log.tables["items"]
    np.testing.assert_array_equal(items[["v_0", "v_1"]], vectors)


def test_a_row_without_user_or_item_is_named(frame, read):
    for column in ("user", "film"):
        torn = frame.assign(**{column: frame[column].where(frame.index != 6)})
        for suffix, row in (("csv", "row 8"), ("parquet", "row index 6 (counted from 0)")):
            assert refused(read, torn, suffix=suffix) == (
                f"path.{suffix}: {row}, column {column!r} is empty; an interaction is of a user "
                "and an item: fill it in or remove it"
            )


@pytest.mark.parametrize(
    ("columns", "split", "more", "message"),
    [
        ('item = "film"', "", "", "[columns] lacks user; an interaction is of a user and an item"),
        ('user = "user"', "", "", "[columns] lacks item; an interaction is of a user and an item"),
        (COLUMNS + 'label_rule = ">= 4"', "", "", "gives label_rule without label"),
        (COLUMNS + 'known_at = "t"', "", "", "known_at has no meaning for a log of interactions"),
        (COLUMNS, LAST, '[counters]\nentities = [["user"]]', "[counters] entities has no meaning"),
        ('user = "user"\nitem = "film"', LAST, "", 'kind = "leave-last-out" needs [columns] time'),
        (COLUMNS, f"{LAST}\nparts = [0.8, 0.1, 0.1]", "", "parts have no meaning for kind"),
        (COLUMNS, 'kind = "time"\nties = "random"', "", 'ties = "random" goes with kind'),
        (COLUMNS, f'{LAST}\nties = "radom"', "", "ties 'radom' is unknown; did you mean 'random'"),
        (COLUMNS, 'kind = "leave-one-out"', "", "did you mean 'leave-last-out'?"),
        (COLUMNS, LAST, "[lists]\nk = 0", "[lists] k = 0 must lie between 1 and 1000"),
        (COLUMNS, LAST, "[lists]\nexclude_validation = 1", "exclude_validation = 1 must be true"),
        (COLUMNS, LAST, "[lists]\nlength = 5", "[lists] unknown key 'length'"),
        (COLUMNS, LAST, '[items]\nid = "film"', "[items] lacks path; name the table of items"),
        (COLUMNS, LAST, '[items]\npath = "a.csv"\ncolour = 1', "[items] unknown key 'colour'"),
        (COLUMNS, "k = 5", "", "[split] k stands in the wrong place; it belongs to [lists]"),
        (COLUMNS + 'ignore = ["nothing"]', LAST, "", "column 'nothing' is missing"),
    ],
)
def test_a_wrong_spec_is_one_clear_line(frame, read, columns, split, more, message):
    assert message in refused(read, frame, columns=columns, split=split, more=more)


def test_a_log_without_a_case_is_asked_for_its_label_with_a_hint(frame, read, tmp_path):
    message = refused(read, frame, split="", head="")
    assert message.endswith('or say case = "video" above, where every row is an interaction')
    assert load_spec(tmp_path / "films.toml", case="video").is_interactions
    click = refused(read, frame, split="", head="", more='[items]\npath = "a.csv"',
                    columns='label = "film"')  # fmt: skip
    assert "unknown key 'items'" in click
