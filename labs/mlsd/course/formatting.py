"""Python text as ruff sets it, where ruff is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def format_python(text: str, path: Path) -> str:
    """Return `text` as ruff formats it under the settings that hold for `path`.

    Parameters
    ----------
    text : str
        Returned as it is where it is not Python, or ruff is not installed.
    path : Path
        Where the text is to stand. The file need not exist.

    Examples
    --------
    >>> format_python("x = [1,2]\\n", Path("x.py"))
    'x = [1, 2]\\n'
    """
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(path), "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    return done.stdout.decode() if done.returncode == 0 else text
