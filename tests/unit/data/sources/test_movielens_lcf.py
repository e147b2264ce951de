import json

import pandas as pd
import pytest

from mlsd.data import load_dataset
from mlsd.runtime import InputError

PARTS = {
    "train": {0: [3, 4, 5], 1: [5, 3]},
    "validation": {0: [6], 1: [4]},
    "test": {0: [7], 1: [6]},
}


@pytest.fixture
def folder(tmp_path):
    """Return the folder with the files as their authors publish them."""
    folder = tmp_path / "movielens-1m-lcf"
    folder.mkdir()
    for part in ("train", "test"):
        lines = [" ".join(map(str, [user, *items])) for user, items in PARTS[part].items()]
        (folder / f"{part}.txt").write_text("\n".join(lines) + "\n")
    (folder / "validation_data.json").write_text(json.dumps([*PARTS["validation"].values()]))
    return folder


def pairs(log, part):
    return log.frame.iloc[log.parts()[part]][["user_id", "item_id"]].to_numpy().tolist()


def test_the_published_files_and_parquet_are_the_same_log(folder):
    raw = load_dataset("movielens-1m-lcf", root=folder.parent)
    for part, lists in PARTS.items():
        expected = [[user, item] for user, items in lists.items() for item in items]
        assert pairs(raw, part) == expected
        table = pd.DataFrame(expected, columns=["user", "item"]).astype("int16")
        table.to_parquet(folder / f"{part}.parquet")
    for path in (*folder.glob("*.txt"), *folder.glob("*.json")):
        path.unlink()
    packed = load_dataset("movielens-1m-lcf", root=folder.parent)
    pd.testing.assert_frame_equal(packed.frame, raw.frame)
    assert (packed.lists.k, packed.lists.exclude_validation) == (20, False)


@pytest.mark.parametrize(
    ("file", "text"),
    [("train.txt", "0 1 x\n"), ("validation_data.json", "[[1, 2"), ("test.txt", "0\n1\n")],
)
def test_a_damaged_file_is_one_clear_line(folder, file, text):
    (folder / file).write_text(text)
    with pytest.raises(InputError, match=f"{file}: is damaged .*; fetch it again"):
        load_dataset("movielens-1m-lcf", root=folder.parent)
