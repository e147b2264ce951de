"""Raw files as their publishers lay them out, with made-up rows."""

import gzip

import numpy as np
import pytest

from mlsd.data.sources.ipinyou import FIELDS


@pytest.fixture
def movielens(tmp_path):
    folder = tmp_path / "movielens-100k"
    folder.mkdir()
    rng = np.random.default_rng(5)
    ratings = [
        f"{rng.integers(1, 4)}\t{rng.integers(1, 3)}\t{1 + row % 5}\t{881250949 - row // 2}"
        for row in range(200)
    ]
    (folder / "u.data").write_text("\n".join(ratings) + "\n")
    users = ["1|24|M|technician|85711", "2|57|F|other|T8H1N", "3|17|M|student|02139"]
    (folder / "u.user").write_text("\n".join(users) + "\n")
    flags = ["0"] * 19
    comedy_drama = [*flags[:5], "1", "0", "0", "1", *flags[9:]]
    films = [
        '1|Cité "des" enfants (1995)|01-Jan-1995||http://x|' + "|".join(comedy_drama),
        "2|unknown||||" + "|".join(["1", *flags[1:]]),
    ]
    (folder / "u.item").write_bytes(("\n".join(films) + "\n").encode("latin-1"))
    return folder


@pytest.fixture
def criteo(tmp_path):
    folder = tmp_path / "criteo-kaggle-8k"
    folder.mkdir()
    start = 0
    for name, rows in (("train", 72), ("dev", 4), ("test", 4)):
        lines = []
        for row in range(start, start + rows):
            counts = ["" if row % 3 == 0 else str(row - 2), *map(str, range(12))]
            lines.append("\t".join([str(row % 2), *counts, *(f"{row:08x}" for _ in range(26))]))
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        start += rows
    return folder


def ipinyou_rows(hours, weekday, clicks):
    """One row an hour given; the last field tells the number of the row in the file."""
    constants = dict.fromkeys(FIELDS, "null")
    return [
        constants | {"weekday": weekday, "hour": hour, "slotprice": str(row), "click": str(click)}
        for row, (hour, click) in enumerate(zip(hours, clicks, strict=True))
    ]


@pytest.fixture
def ipinyou(tmp_path):
    """Return the folder and, by part, the rows that the coded files hold."""
    folder = tmp_path / "ipinyou-2997-sample"
    folder.mkdir()
    parts = {
        "train": ipinyou_rows(["18", "17"] * 50, "2", [0, 1, 1, 0] * 25),
        "test": ipinyou_rows(["03", "00", "22"] * 4, "5", [0, 1, 0] * 4),
    }
    rows = parts["train"] + parts["test"]
    index = {pair: number for number, pair in enumerate(
        dict.fromkeys((field, row[field]) for row in rows for field in FIELDS)
    )}  # fmt: skip
    lines = [f"{field}:{value}\t{number}" for (field, value), number in index.items()]
    (folder / "featindex.fm.txt").write_text("\n".join(lines) + "\n")
    for part, part_rows in parts.items():
        coded = [
            " ".join([row["click"], *(f"{index[field, row[field]]}:1" for field in FIELDS)])
            for row in part_rows
        ]
        (folder / f"{part}.fm.txt").write_text("\n".join(coded) + "\n")
    return folder, parts


@pytest.fixture
def gzip_file():
    """Return a function that replaces a file by its gzipped form."""

    def pack(path):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()

    return pack
