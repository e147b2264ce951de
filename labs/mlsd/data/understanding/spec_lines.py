"""Lines of a spec that answer a warning: the section in brackets, a blank, then the keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from mlsd.data.readings import LoadedLog

WIDTH = 70


def toml_text(text: str) -> str:
    """Return a text as TOML's basic string, which is JSON's.

    Examples
    --------
    >>> toml_text("landing page")
    '"landing page"'
    """
    return json.dumps(text, ensure_ascii=False)


def toml_list(key: str, names: Iterable[str]) -> str:
    """Return a key with a list of column names, over several lines where one would be too long.

    Examples
    --------
    >>> toml_list("ignore", ["dwell", "landing page"])
    'ignore = ["dwell", "landing page"]'
    """
    texts = [toml_text(name) for name in names]
    whole = f"{key} = [{', '.join(texts)}]"
    if len(whole) <= WIDTH:
        return whole
    rows = [""]
    for text in texts:
        if len(rows[-1]) + len(text) + 2 > WIDTH:
            rows.append("")
        rows[-1] += f" {text},"
    return "\n".join([f"{key} = [", *(f"   {row}" for row in rows if row), "]"])


def role_line(loaded: LoadedLog, role: str, name: str) -> str:
    """Return the lines that give a column a role, and take it out of a list of features.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from mlsd.data import read_log
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "log.csv").write_text("click,w\\n" + "0,20\\n1,1\\n" * 50)
    >>> keys = '[columns]\\nlabel="click"\\nnumeric=["w"]'
    >>> _ = (folder / "log.toml").write_text('[table]\\npath="log.csv"\\n' + keys)
    >>> print(role_line(read_log(folder / "log.toml"), "weight", "w"))
    [columns] weight = "w"
    numeric = []
    """
    return "\n".join([f"[columns] {role} = {toml_text(name)}", *_shrunk_lists(loaded, [name])])


def line_without(loaded: LoadedLog, names: Sequence[str]) -> str:
    """Return the line of ``[columns]`` that takes columns out of the features.

    A list that names them shrinks, since a column cannot have a role and be ignored; where others
    are inferred they are ignored besides. Empty where they are not such features.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from mlsd.data import read_log
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "log.csv").write_text("click,device\\n" + "0,phone\\n1,desk\\n" * 50)
    >>> _ = (folder / "log.toml").write_text('[table]\\npath="log.csv"\\n[columns]\\nlabel="click"')
    >>> line_without(read_log(folder / "log.toml"), ["device"])
    '[columns] ignore = ["device"]'
    """
    given, lines = loaded.spec.columns, _shrunk_lists(loaded, names)
    if not given.features_given:
        lines.append(toml_list("ignore", [*given.ignore, *names]))
    return "[columns] " + "\n".join(lines) if lines else ""


def _shrunk_lists(loaded: LoadedLog, names: Sequence[str]) -> list[str]:
    """Return the lists of features that name one of the columns, without it."""
    lines = []
    for role in ("categorical", "numeric"):
        listed = getattr(loaded.spec.columns, role)
        left = [name for name in listed if name not in names]
        if len(left) < len(listed):
            lines.append(toml_list(role, left))
    return lines
