"""Small logs on disk for the tests of the data layer."""

from __future__ import annotations

from pathlib import Path

import pytest

ROWS = ["click,ts,user_id,device,price"] + [
    f"{row % 2},{100 - row},u{row % 7},{'phone' if row % 3 else 'desk'},{row / 2}"
    for row in range(40)
]
SPEC = """
case = "ad_click"
name = "small"
[table]
path = "log.csv"
[columns]
label = "click"
time = "ts"
user = "user_id"
categorical = ["device"]
numeric = ["price"]
[split]
kind = "time"
parts = [0.6, 0.2, 0.2]
"""


class SmallLog:
    """A valid log whose lines and spec a test changes before it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows, self.spec = folder, list(ROWS), SPEC

    def replace(self, old: str, new: str) -> SmallLog:
        assert old in self.spec
        self.spec = self.spec.replace(old, new)
        return self

    def set_row(self, line: int, text: str) -> SmallLog:
        """Replace a line of the table; the header is line 1."""
        self.rows[line - 1] = text
        return self

    def write(self, *, table: bool = True) -> Path:
        if table:
            (self.folder / "log.csv").write_text("\n".join(self.rows) + "\n", encoding="utf-8")
        path = self.folder / "small.toml"
        path.write_text(self.spec, encoding="utf-8")
        return path


@pytest.fixture
def small_log(tmp_path: Path) -> SmallLog:
    return SmallLog(tmp_path)
