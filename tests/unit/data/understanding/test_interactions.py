import numpy as np
import pandas as pd
import pytest

from mlsd.data import read_log
from mlsd.data.understanding import render_full, render_short, understand

COLUMNS = 'user = "user"\nitem = "film"\ntime = "ts"\n'
LAST = 'kind = "leave-last-out"'


def make_pairs(users=200, each=12, items=60, seed=4):
    """Each of the users chose some of the items, at times of their own."""
    generator = np.random.default_rng(seed)
    film = np.concatenate([generator.permutation(items)[:each] for _ in range(users)])
    return pd.DataFrame(
        {
            "user": np.repeat(np.arange(users), each),
            "film": film,
            "ts": 1_700_000_000 + 60 * generator.permutation(users * each),
        }
    )


@pytest.fixture
def understood(tmp_path):
    """Write interactions, or three tables of them, and say what was understood."""

    def write(frame, split=LAST, more="", columns=COLUMNS):
        tables = ""
        for key, table in (frame if isinstance(frame, dict) else {"path": frame}).items():
            table.to_parquet(tmp_path / f"{key}.parquet")
            tables += f'{key} = "{key}.parquet"\n'
        spec = tmp_path / "films.toml"
        head = f'case = "video"\n[table]\n{tables}[columns]\n{columns}'
        spec.write_text(f"{head}[split]\n{split}\n{more}")
        return understand(read_log(spec))

    return write


def kinds(understanding):
    return [warning.kind for warning in understanding.warnings]


def test_a_good_log_is_said_back_without_a_warning(understood):
    found = understood(make_pairs())
    assert kinds(found) == []
    assert found.fact("rows") == (
        "2,400 interactions; train 2,000, validation 200, test 200; "
        "split each user's last by time, ties in the order of the file"
    )
    assert found.fact("left out") == (
        "nothing; every row is an interaction, and no pair comes twice"
    )
    assert found.fact("users") == (
        "200 in 'user', with 10 to 10 interactions in training (median 10); 200 have a test item "
        "and are judged, 0 have none; 0 of those judged are not in training"
    )
    assert found.fact("lists").startswith("the 20 best of all items, without those of the user's")
    assert found.fact("ties").startswith("0 of 200 users (0.0%)")
    assert len(render_short(found).splitlines()) == 4
    assert max(map(len, render_full(found).splitlines())) < 80


def test_users_that_tie_at_their_last_time_are_counted(understood):
    pairs = make_pairs()
    last = pairs.groupby("user")["ts"].transform("max")
    second = pairs["ts"].where(pairs["ts"] < last).groupby(pairs["user"]).transform("max")
    tied = pairs["user"].lt(50) & pairs["ts"].eq(second)
    found = understood(pairs.assign(ts=pairs["ts"].where(~tied, last)))
    assert found.fact("ties").startswith("50 of 200 users (25.0%) have several interactions")
    assert kinds(found) == ["ties"]
    assert found.warnings[0].spec_line == '[split] ties = "random"\nseed = 0'
    pairs = pairs.assign(ts=pairs["ts"].where(~tied, last))
    shuffled = understood(pairs, split=f'{LAST}\nties = "random"\nseed = 3')
    assert "among which seed 3 decides" in shuffled.fact("ties")
    assert kinds(shuffled) == []


def test_users_without_a_test_item_and_repetitions_are_counted(understood):
    pairs = pd.concat(
        [make_pairs(), make_pairs(users=30, each=2).assign(user=lambda f: f.user + 500)]
    )
    again = pd.concat([pairs, pairs.iloc[:7].assign(ts=lambda f: f["ts"] + 10**6)])
    found = understood(again.reset_index(drop=True))
    assert "200 have a test item and are judged, 30 have none" in found.fact("users")
    assert found.fact("left out") == (
        "7 repetitions of a pair of user and item, of which the first counts"
    )
    assert render_short(found).startswith("rows: 2,460 interactions of 2,467 rows; train")
    assert kinds(found) == []


def test_what_nobody_can_have_learned_is_warned_of(understood):
    pairs = make_pairs()
    late = pairs["ts"] > pairs["ts"].quantile(0.9)
    new_items = pairs.assign(film=pairs["film"].where(~late, pairs["film"] + 100))
    by_time = 'kind = "time"\nparts = [0.8, 0.1, 0.1]'
    found = understood(new_items, split=by_time)
    assert kinds(found) == ["cold items"]
    assert "240 of 240 test interactions (100.0%)" in found.warnings[0].text
    new_users = pairs.assign(user=pairs["user"].where(~late, pairs["user"] + 1000))
    assert kinds(understood(new_users, split=by_time)) == ["cold users"]
    assert kinds(understood(make_pairs(users=40))) == ["few users"]


def test_pairs_that_stand_in_two_given_parts_are_warned_of(understood):
    pairs = make_pairs().sort_values("ts", ignore_index=True)
    cut = {"train": pairs[:2000], "validation": pairs[2000:2200], "test": pairs[2200:]}
    assert kinds(understood(cut, split="")) == []
    torn = cut | {"test": pd.concat([pairs[2200:], pairs[:40].assign(ts=pairs["ts"].max())])}
    found = understood(torn, split="")
    assert kinds(found) == ["duplicates"]
    assert found.warnings[0].text.startswith("40 pairs of user and item stand in several of")


def test_items_without_features_are_counted(understood, tmp_path):
    films = pd.DataFrame({"film": np.arange(70), "year": 1990, "studio": "s"})
    section = '[items]\npath = "films.parquet"'
    films.to_parquet(tmp_path / "films.parquet")
    found = understood(make_pairs(), more=section)
    assert found.fact("features of items") == (
        "of 70 items, of which 10 were never chosen; 0 items of the log are not among them; "
        "numbers: year; categories: studio"
    )
    films[films["film"] >= 12].to_parquet(tmp_path / "films.parquet")
    found = understood(make_pairs(), more=section)
    assert kinds(found) == ["items"]
    assert found.warnings[0].text.startswith("12 of 60 items of the log have no row")


def test_columns_that_were_not_read_are_said(understood):
    found = understood(make_pairs().assign(watched=1, stars=3))
    assert "left out (not named by the spec): watched, stars" in found.fact("columns")
    assert kinds(found) == []


def test_a_column_of_0_and_1_that_nobody_named_is_asked_about(understood):
    pairs = make_pairs()
    found = understood(pairs.assign(watched=pairs.index % 4 > 0))
    assert kinds(found) == ["role"]
    assert "so that the 600 rows with 0 count as interactions too" in found.warnings[0].text
    assert found.warnings[0].spec_line == '[columns] label = "watched"'


@pytest.mark.parametrize(
    ("column", "rename", "message"),
    [
        ("user", {7: "NA"}, "'NA' in 'user' reads like a missing value and counts as an id, in 12"),
        ("user", {7: "  "}, "'  ' in 'user' reads like a missing value and counts as an id, in 12"),
        ("film", {5: "unknown"}, "'unknown' in 'film' reads like a missing value and counts"),
        ("film", {5: -1}, "'-1' in 'film' reads like a missing value and counts as an id, in"),
        ("film", {5: "6.0"}, "2 of 60 ids in 'film' differ from another by blanks, zeros in front"),
        ("film", {5: " 6"}, "a '.0', capitals or how an accent is written alone, such as "),
        ("film", {5: "\u00e9", 6: "e\u0301"}, "2 of 60 ids in 'film' differ from another by"),
    ],
)
def test_ids_of_no_one_or_written_in_two_ways_are_warned_of(understood, column, rename, message):
    pairs = make_pairs()
    renamed = pairs[column].map(lambda each: rename.get(each, each)).astype(object)
    whole = all(isinstance(each, int) for each in rename.values())
    found = understood(pairs.assign(**{column: renamed.astype(int if whole else str)}))
    assert kinds(found) == ["ids"]
    assert message in found.warnings[0].text


def test_ids_that_are_numbers_or_differ_are_none_of_these(understood):
    pairs = make_pairs()
    sound = pairs.assign(user=pairs["user"] - 100, film=[f"v-{film}" for film in pairs["film"]])
    assert kinds(understood(sound)) == []
    assert kinds(understood(pairs.assign(film=pairs["film"].replace(5, 999)))) == []


def test_a_user_who_is_many_is_warned_of(understood):
    pairs = make_pairs(users=400, items=200)
    found = understood(pairs.assign(user=pairs["user"].where(pairs["user"] < 300, 0)))
    assert kinds(found) == ["ids"]
    assert found.warnings[0].text.startswith("user '0' of 'user' has 5.")


@pytest.mark.parametrize(
    ("column", "start", "kind"),
    [("film", 2**53, "f8"), ("film", 2**24, "f4"), ("user", 2**11, "f2"), ("ts", 0, "f4")],
)
def test_numbers_that_floats_have_merged_are_warned_of(understood, column, start, kind):
    pairs = make_pairs(items=120)
    found = understood(pairs.assign(**{column: (pairs[column] + start).astype(kind)}))
    (warning,) = [warning for warning in found.warnings if warning.kind == "lossy ids"]
    assert warning.columns == (column,)
    whole = {"f8": 10**6, "f4": 10**6, "f2": 100}[kind]
    near = pairs.assign(film=(pairs["film"] + whole).astype(kind))
    assert "lossy ids" not in kinds(understood(near))


def test_a_list_that_holds_most_items_is_warned_of(understood):
    found = understood(make_pairs(items=30))
    assert kinds(found) == ["short corpus"]
    assert found.warnings[0].text.startswith("a list of 20 holds 67% of the 30 items")
    assert found.warnings[0].spec_line == "[lists] k = 3"
    assert kinds(understood(make_pairs(items=30), more="[lists]\nk = 3")) == []


def test_the_weight_of_a_repetition_is_said_to_be_lost(understood):
    pairs = make_pairs().assign(plays=2)
    again = pd.concat([pairs, pairs[:7]], ignore_index=True)
    found = understood(again, columns=f'{COLUMNS}weight = "plays"\n')
    assert found.fact("left out").endswith(
        "of which the first counts with its own weight; the others' are not added to it"
    )


def test_times_with_and_without_a_zone_are_warned_of(understood):
    pairs = make_pairs()
    stamps = pd.to_datetime(pairs["ts"], unit="s")
    one_way = stamps.dt.strftime("%Y-%m-%dT%H:%M:%S+02:00")
    assert kinds(understood(pairs.assign(ts=one_way))) == []
    assert kinds(understood(pairs.assign(ts=stamps.dt.strftime("%Y-%m-%d %H:%M")))) == []
    found = understood(pairs.assign(ts=one_way.where(pairs["user"] < 50, stamps.astype(str))))
    assert kinds(found) == ["time unit"]
    assert found.warnings[0].text.startswith("600 of 2,400 times in 'ts' carry a zone; the 1,800")


def test_weights_far_from_1_are_warned_of(understood):
    columns = f'{COLUMNS}weight = "watched_ms"\n'
    pairs = make_pairs()
    near = understood(pairs.assign(watched_ms=1 + pairs["film"]), columns=columns)
    assert near.fact("weights") == "watched_ms, 1 to 60, median 30"
    assert kinds(near) == []
    found = understood(pairs.assign(watched_ms=60_000 * (1 + pairs["film"])), columns=columns)
    assert kinds(found) == ["weights"]
    assert "go from 6e+04 to 3.6e+06" in found.warnings[0].text
