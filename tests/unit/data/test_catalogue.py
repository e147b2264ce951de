import pytest

from mlsd.data import card_path, catalogue, find_entry, load_dataset, load_spec
from mlsd.runtime import InputError, project_root

NAMES = {
    "criteo-kaggle-8k": "ad_click",
    "movielens-100k-clicks": "ad_click",
    "ipinyou-2997-sample": "ad_click",
    "fraud-handbook-simulated": "fraud",
    "movielens-100k": "video",
    "movielens-1m-lcf": "video",
}


def test_the_public_sets_are_there():
    assert {name: entry.case for name, entry in catalogue().items()} == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_complete(name):
    entry = find_entry(name)
    assert entry.rows > 0
    assert entry.files
    assert all(file.url.startswith("https://") for file in entry.files)
    assert load_spec(entry.spec).name == name
    text = card_path(name).read_text(encoding="utf-8")
    assert f"{entry.rows:,}" in text
    assert entry.homepage.rstrip("/") in text
    for heading in ("licence", "citation", "What it cannot show", "igures"):
        assert heading in text


@pytest.mark.parametrize("name", NAMES)
def test_missing_files_say_how_to_get_them(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MLSD_DATA", str(tmp_path))
    with pytest.raises(InputError, match="mlsd data fetch .*MLSD_DATA"):
        load_dataset(name)


def test_without_a_setting_the_data_root_is_in_the_project(monkeypatch):
    monkeypatch.delenv("MLSD_DATA", raising=False)
    from mlsd.data import data_root

    assert data_root() == project_root() / "data" / "fetched"


def test_both_movielens_sets_share_files_and_folder():
    clicks, video = find_entry("movielens-100k-clicks"), find_entry("movielens-100k")
    assert (clicks.files, clicks.folder) == (video.files, video.folder)


def test_unknown_names():
    for ask in (find_entry, load_dataset, card_path):
        with pytest.raises(InputError, match="'nothing'; choose among .*movielens-100k"):
            ask("nothing")


GOOD = """
[small]
title = "t"
licence = "l"
citation = "c"
homepage = "h"
rows = 3
[[small.files]]
url = "https://example.org/a.csv"
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "t"\n', "", r"\[small\] lacks title"),
        ("rows = 3", 'rows = "3"', "rows = '3' is not a number of rows"),
        ("rows = 3", "rows = 3\ncolour = 1", "unknown key 'colour'"),
        ("https://example.org/a.csv", "ftp://example.org/a.csv", "must be an http or https"),
        ("https://example.org/a.csv", "https://example.org/", "must be an http or https"),
        ('a.csv"', 'a.csv"\nhash = "md5:123"', "hash 'md5:123' must be"),
        ("rows = 3", 'rows = 3\nsame_files_as = "large"', "'large', which is not an entry"),
    ],
)
def test_a_wrong_catalogue(tmp_path, old, new, message):
    (tmp_path / "specs").mkdir()
    spec = '[table]\npath = "a.csv"\n[columns]\nlabel = "y"\n'
    (tmp_path / "specs/small.toml").write_text(spec)
    path = tmp_path / "catalogue.toml"
    path.write_text(GOOD)
    assert catalogue(path)["small"].rows == 3
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=message):
        catalogue(path)
