"""MovieLens 100K: as a click log, where four stars or more is a click, and as interactions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from mlsd.data.columns import number_column
from mlsd.data.locations import find_raw_file
from mlsd.data.tables import RawTable, read_table

GENRES = (
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
)
AGE_BANDS = {0: "under 18", 18: "18-24", 25: "25-34", 35: "35-44", 45: "45-49", 50: "50-55"}
OLDEST = "56 and over"
LIKED = 4
RATINGS = ("user_id", "item_id", "rating", "ts")


def age_band(ages: np.ndarray) -> np.ndarray:
    """Return the age bands of MovieLens 1M, as text, for ages in years.

    Examples
    --------
    >>> age_band(np.array([17, 18, 34, 56])).tolist()
    ['under 18', '18-24', '25-34', '56 and over']
    """
    starts = np.array([*AGE_BANDS, 56])
    names = np.array([*AGE_BANDS.values(), OLDEST], dtype=object)
    return names[np.searchsorted(starts, ages, side="right") - 1]


def read_movielens(folder: Path) -> dict[str, RawTable]:
    """Join ratings, users and films of MovieLens 100K.

    Parameters
    ----------
    folder : path
        With ``u.data``, ``u.user``, ``u.item`` as published, each also gzipped.

    Returns
    -------
    dict
        ``all``: ``label`` (rating of 4 or more), ``ts`` (seconds since 1970), ``user_id``,
        ``item_id``, ``rating``, and as categories ``gender``, ``occupation``, ``zip_digit`` (first
        character), ``age_band``, ``release_year``, ``genres`` (all genres of the film, joined by
        ``|``), ``hour`` (UTC) and ``weekday`` (Monday is 0).

    Raises
    ------
    InputError
        A file is missing or damaged, or a rating is of an unknown user or film.

    Examples
    --------
    >>> read_movielens(Path("nowhere"))
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: nowhere: u.data not found in nowhere; ...
    """
    ratings = _read_ratings(folder)
    raw = RawTable("u.data", pa.Table.from_pandas(ratings), 1)
    for key, table in (("user_id", _read_users(folder)), ("item_id", _read_films(folder))):
        unknown = np.flatnonzero(~ratings[key].isin(table.index))
        if unknown.size:
            raw.fail(key, "names a row that its attribute file lacks", unknown[0])
        ratings = ratings.join(table, on=key)
    return {"all": RawTable(folder.name, pa.Table.from_pandas(ratings, preserve_index=False))}


def read_movielens_ratings(folder: Path) -> dict[str, RawTable]:
    """Read who rated which film of MovieLens 100K when, and what is known of each film.

    Parameters
    ----------
    folder : path
        With ``u.data`` and ``u.item`` as published, each also gzipped.

    Returns
    -------
    dict
        ``all``: ``user_id``, ``item_id``, ``rating``, ``ts`` (seconds since 1970), in the order of
        the file. ``items``: ``item_id``, ``release_year`` (may be missing) and a column of 0 and 1
        for each genre.

    Raises
    ------
    InputError
        A file is missing or damaged.

    Examples
    --------
    >>> read_movielens_ratings(Path("nowhere"))
    Traceback (most recent call last):
    ...
    mlsd.runtime.errors.InputError: nowhere: u.data not found in nowhere; ...
    """
    ratings = _read_ratings(folder)[list(RATINGS)]
    raw, films = _read_film_table(folder)
    features = films[list(GENRES)].eq("1").astype(np.int8)
    features.insert(0, "release_year", films["released"].str[-4:])
    features.insert(0, "item_id", _whole(raw, "item_id"))
    return {
        "all": RawTable("u.data", pa.Table.from_pandas(ratings, preserve_index=False), 1),
        "items": RawTable(raw.file, pa.Table.from_pandas(features, preserve_index=False), 1),
    }


def _whole(raw: RawTable, name: str) -> np.ndarray:
    """Whole numbers of a column that has to be complete."""
    numbers = number_column(raw, name)
    wrong = np.flatnonzero(numbers != np.floor(numbers))
    if wrong.size:
        raw.fail(name, "is not a whole number", wrong[0])
    return numbers.astype(np.int64)


def _read_ratings(folder: Path) -> pd.DataFrame:
    raw = read_table(find_raw_file(folder, "u.data"), delimiter="\t", names=RATINGS)
    ratings = pd.DataFrame({name: _whole(raw, name) for name in RATINGS})
    stamps = pd.to_datetime(ratings["ts"], unit="s")
    return ratings.assign(
        label=(ratings["rating"] >= LIKED).astype(np.int8),
        hour=stamps.dt.hour,
        weekday=stamps.dt.day_of_week,
    )


def _read_users(folder: Path) -> pd.DataFrame:
    names = ("user_id", "age", "gender", "occupation", "zip")
    raw = read_table(find_raw_file(folder, "u.user"), delimiter="|", names=names, quoted=False)
    text = raw.table.to_pandas()
    return pd.DataFrame(
        {
            "gender": text["gender"],
            "occupation": text["occupation"],
            "zip_digit": text["zip"].str[:1],
            "age_band": age_band(_whole(raw, "age")),
        }
    ).set_index(_whole(raw, "user_id"))


def _read_film_table(folder: Path) -> tuple[RawTable, pd.DataFrame]:
    """Return the films as they lie on disk, and all cells as text."""
    names = ("item_id", "title", "released", "video", "address", *GENRES)
    path = find_raw_file(folder, "u.item")
    raw = read_table(path, delimiter="|", names=names, encoding="latin-1", quoted=False)
    return raw, raw.table.to_pandas()


def _read_films(folder: Path) -> pd.DataFrame:
    raw, text = _read_film_table(folder)
    genres = text[list(GENRES)].eq("1") @ np.array([f"{genre}|" for genre in GENRES], dtype=object)
    films = {"release_year": text["released"].str[-4:], "genres": genres.str.rstrip("|")}
    return pd.DataFrame(films).set_index(_whole(raw, "item_id"))
