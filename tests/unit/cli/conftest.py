"""A small log of one's own, with its spec."""

import numpy as np
import pandas as pd
import pytest

SPEC = """
case = "ad_click"
name = "my-log"
[table]
path = "log.csv"
[columns]
label = "click"
time = "ts"
user = "user_id"
item = "ad_id"
[split]
kind = "time"
parts = [0.6, 0.2, 0.2]
"""


@pytest.fixture
def own_log(tmp_path):
    """Return the folder with ``log.csv`` and ``log.toml``."""
    random, rows = np.random.default_rng(3), 600
    ad = random.integers(5, size=rows)
    table = pd.DataFrame(
        {
            "click": (random.random(rows) < 0.1 + 0.1 * ad).astype(int),
            "ts": np.arange(rows) * 60,
            "user_id": random.integers(60, size=rows),
            "ad_id": ad,
        }
    )
    table.to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "log.toml").write_text(SPEC)
    return tmp_path
