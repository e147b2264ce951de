import numpy as np
import pandas as pd
import pytest

from mlsd.data import read_log
from mlsd.data.understanding import render_full, render_short, understand

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

    def write(frame, split=LAST, more=""):
        tables = ""
        for key, table in (frame if isinstance(frame, dict) else {"path": frame}).items():
            table.to_parquet(tmp_path / f"{key}.parquet")
            tables += f'{key} = "{key}.parquet"\n'
        columns = 'user = "user"\nitem = "film"\ntime = "ts"\n'
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
        "1 numbers and 1 categories of 70 items, of which 10 were never chosen; "
        "0 items of the log are not among them"
    )
    films[films["film"] >= 12].to_parquet(tmp_path / "films.parquet")
    found = understood(make_pairs(), more=section)
    assert kinds(found) == ["items"]
    assert found.warnings[0].text.startswith("12 of 60 items of the log have no row")
