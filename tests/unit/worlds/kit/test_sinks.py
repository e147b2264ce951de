import json

import numpy as np
import pandas as pd
import pytest

from mlsd.runtime import InputError
from mlsd.worlds.kit.sinks import MemorySink, ParquetSink

NAMES = ("plays", "slates")
UNTIL = 5.0
STRETCHES = (
    {
        "plays": {"play_id": np.array([0, 1]), "ts": np.array([1.0, 4.0]), "known_at": [2.0, 6.0]},
        "slates": {"ts": np.array([1.0, 9.0]), "item_id": np.array([[3, 4], [5, 6]])},
    },
    {"plays": {"play_id": np.array([2]), "ts": np.array([4.5]), "known_at": [5.0]}},
)


def filled(sink):
    for tables in STRETCHES:
        sink.add({n: {k: np.asarray(v) for k, v in c.items()} for n, c in tables.items()})
    return sink.tables()


def test_rows_known_by_the_end_are_kept_and_wide_ones_made_long():
    tables = filled(MemorySink(UNTIL, NAMES))
    assert tables["plays"]["play_id"].tolist() == [0, 2]
    assert tables["slates"].to_dict("list") == {"ts": [1.0, 1.0], "item_id": [3, 4]}


def test_a_folder_holds_the_same_and_says_what_it_holds(tmp_path):
    streamed = filled(ParquetSink(tmp_path / "logs", UNTIL, NAMES))
    kept = filled(MemorySink(UNTIL, NAMES))
    for name in NAMES:
        pd.testing.assert_frame_equal(streamed[name], kept[name])
    manifest = json.loads((tmp_path / "logs" / "logs.json").read_text())
    assert manifest == {"until": 5.0, "parts": {"plays": 2, "slates": 1}}


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "old.txt").write_text("")
    for folder in (tmp_path, tmp_path / "old.txt"):
        with pytest.raises(InputError, match="not an empty folder"):
            ParquetSink(folder, UNTIL, NAMES)
