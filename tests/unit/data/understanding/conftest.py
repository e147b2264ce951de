"""Logs that a test spoils before they are written, read and understood."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlsd.data import read_log
from mlsd.data.understanding import understand

START = 1_700_000_000
ROLES = """
label = "click"
time = "ts"
user = "user_id"
item = "ad_id"
"""
LISTED = 'categorical = ["device"]\nnumeric = ["price"]\n'


def make_frame(rows: int = 4_000, seed: int = 3) -> pd.DataFrame:
    """Return a log without anything to warn of: 60 users, 12 ads, a fifth of it clicked."""
    generator = np.random.default_rng(seed)
    return pd.DataFrame({
        "click": (generator.random(rows) < 0.3).astype(int),
        "ts": START + 300 * np.arange(rows) + generator.integers(0, 200, rows),
        "user_id": [f"u{user:02}" for user in generator.integers(0, 60, rows)],
        "ad_id": [f"a{ad:02}" for ad in generator.integers(0, 12, rows)],
        "device": generator.choice(["phone", "desk", "tv"], rows),
        "price": generator.gamma(2.0, 1.0, rows).round(3),
    })  # fmt: skip


@pytest.fixture
def frame() -> pd.DataFrame:
    return make_frame()


@pytest.fixture
def load(tmp_path):
    """Write a frame, or three, and its spec, and read them."""

    def write(frame, columns=ROLES + LISTED, split="", suffix="parquet"):
        frames = frame if isinstance(frame, dict) else {"path": frame}
        table = ""
        for key, part in frames.items():
            file = tmp_path / f"{key}.{suffix}"
            part.to_csv(file, index=False) if suffix == "csv" else part.to_parquet(
                file, index=False
            )
            table += f'{key} = "{file.name}"\n'
        spec = tmp_path / "my-log.toml"
        spec.write_text(f"[table]\n{table}\n[columns]\n{columns}\n{split}", encoding="utf-8")
        return read_log(spec)

    return write


@pytest.fixture
def understood(load):
    """As `load`, and say what was understood of it."""
    return lambda *arguments, **options: understand(load(*arguments, **options))


def warnings_of(understanding, kind):
    return [warning for warning in understanding.warnings if warning.kind == kind]


@pytest.fixture
def warned(understood):
    """Return the warnings of a kind."""
    return lambda kind, *arguments, **options: warnings_of(understood(*arguments, **options), kind)
