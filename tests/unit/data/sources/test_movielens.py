import numpy as np
import pytest

from mlsd.data import load_dataset, validate_log
from mlsd.data.sources.movielens import age_band, read_movielens, read_movielens_ratings
from mlsd.runtime import InputError


def test_ratings_users_and_films_are_joined(movielens):
    frame = read_movielens(movielens)["all"].table.to_pandas()
    assert len(frame) == 200
    assert (frame["label"] == (frame["rating"] >= 4)).all()
    user_2 = frame[frame["user_id"] == 2].iloc[0]
    assert (user_2["gender"], user_2["zip_digit"], user_2["age_band"]) == ("F", "T", "56 and over")
    film = frame[frame["item_id"] == 1].iloc[0]
    assert (film["release_year"], film["genres"]) == ("1995", "Comedy|Drama")
    film = frame[frame["item_id"] == 2].iloc[0]
    assert (film["release_year"], film["genres"]) == ("", "unknown")


def test_hour_and_weekday_are_utc(movielens):
    frame = read_movielens(movielens)["all"].table.to_pandas()
    # 881250949 is Thursday, 4 December 1997, 15:55:49 UTC.
    assert (frame["ts"][0], frame["hour"][0], frame["weekday"][0]) == (881250949, 15, 3)


@pytest.mark.parametrize(
    ("age", "band"),
    [(7, "under 18"), (17, "under 18"), (18, "18-24"), (24, "18-24"), (25, "25-34"), (44, "35-44"),
     (45, "45-49"), (50, "50-55"), (55, "50-55"), (56, "56 and over"), (73, "56 and over")],
)  # fmt: skip
def test_age_bands(age, band):
    assert age_band(np.array([age])).tolist() == [band]


def test_the_click_log_loads_plain_and_gzipped(movielens, gzip_file):
    clicks = load_dataset("movielens-100k-clicks", root=movielens.parent)
    validate_log(clicks)
    assert {name: len(rows) for name, rows in clicks.parts().items()} == {
        "train": 160, "validation": 20, "test": 20
    }  # fmt: skip
    assert clicks.roles.identifiers[:2] == ("user_id", "item_id")
    assert len(clicks.roles.identifiers) == 10
    assert clicks.notes["licence"].startswith("GroupLens")
    for name in ("u.data", "u.user", "u.item"):
        gzip_file(movielens / name)
    again = load_dataset("movielens-100k-clicks", root=movielens.parent)
    assert again.frame.equals(clicks.frame)


def test_as_interactions_every_rating_counts_once_whatever_its_stars(movielens):
    (movielens / "u.data").write_text(
        "".join(f"{user}\t{film}\t1\t{ts}\n" for user, film, ts in [
            (1, 1, 50), (1, 2, 50), (2, 2, 10), (1, 3, 40), (1, 4, 30), (1, 3, 99)
        ])
    )  # fmt: skip
    log = load_dataset("movielens-100k", root=movielens.parent)
    assert log.frame["item_id"].tolist() == [2, 4, 3, 1, 2]
    films = {part: log.frame["item_id"].iloc[rows].tolist() for part, rows in log.parts().items()}
    assert films == {"train": [2, 4, 3], "validation": [1], "test": [2]}
    assert (log.lists.k, log.lists.exclude_validation) == (10, True)


def test_films_that_tie_are_put_in_order_by_a_seed(movielens):
    rows = [(user, film, ts) for user in range(8) for film, ts in ((1, 5), (2, 6), (3, 9), (4, 9))]
    lines = (f"{user}\t{film}\t1\t{ts}\n" for user, film, ts in rows)
    (movielens / "u.data").write_text("".join(lines))

    def last(ties):
        log = load_dataset("movielens-100k", root=movielens.parent, ties=ties)
        return log.frame["item_id"].iloc[log.split.test].tolist(), log.split.description

    assert last(None) == ([4] * 8, "each user's last by time, ties in the order of the file")
    films, description = last(3)
    assert set(films) == {3, 4}
    assert description.endswith("ties shuffled with seed 3")
    assert last(3) == (films, description)
    assert last(4)[0] != films


def test_what_is_known_of_a_film_comes_beside_its_ratings(movielens):
    films = read_movielens_ratings(movielens)["items"].table.to_pandas().set_index("item_id")
    assert films.loc[1, ["Comedy", "Drama", "War"]].tolist() == [1, 1, 0]
    assert films["release_year"].tolist() == ["1995", ""]


def test_ties_in_time_keep_the_order_of_the_file(movielens):
    raw = read_movielens(movielens)["all"].table.to_pandas()
    log = load_dataset("movielens-100k-clicks", root=movielens.parent)
    expected = raw.iloc[np.argsort(raw["ts"], kind="stable")]
    assert log.frame["item_id"].tolist() == expected["item_id"].tolist()


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("u.data", "1\t2\t3\n", "u.data: row 201 has 3 fields, for 4 names"),
        ("u.data", "9\t2\t3\t881250949\n", "u.data: row 201, column 'user_id' names a row"),
        ("u.data", "1\t2\tx\t881250949\n", "u.data: row 201, column 'rating' is 'x'"),
        (
            "u.data",
            "1\t2\t2.5\t881250949\n",
            "u.data: row 201, column 'rating' is not a whole number",
        ),
        (
            "u.data",
            "1\t\t2\t881250949\n",
            "u.data: row 201, column 'item_id' is not a whole number",
        ),
        ("u.user", "4|x|M|none|0\n", "u.user: row 4, column 'age' is 'x'"),
    ],
)
def test_damaged_raw_files(movielens, file, line, message):
    with (movielens / file).open("a") as stream:
        stream.write(line)
    with pytest.raises(InputError, match=message):
        read_movielens(movielens)
